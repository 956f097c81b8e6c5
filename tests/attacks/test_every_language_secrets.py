"""Attacks in JavaScript and Go on the secrets that runs are given, and by work that goes on after the answer."""

import httpx
import pytest
from attacks.attacker import nothing_left, success
from attacks.languages import LANGUAGES, ready
from harness import Server, wait_until

# Tells what in the run's own memory looks like a secret, and keeps its own secret there.
SEARCH = r"""
package action

import (
    "bufio"
    "codeactions"
    "fmt"
    "os"
    "regexp"
    "slices"
    "strings"
)

var kept = os.Getenv("CANARY")

func Run(engine *codeactions.Engine) (any, error) {
    found, piece, pattern := []string{}, make([]byte, 1<<20), regexp.MustCompile("KANARI-[0-9a-f]{32}")
    maps, _ := os.ReadFile("/proc/self/maps")
    memory, _ := os.Open("/proc/self/mem")
    for lines := bufio.NewScanner(strings.NewReader(string(maps))); lines.Scan(); {
        var start, end int64
        var rights string
        fmt.Sscanf(lines.Text(), "%x-%x %s", &start, &end, &rights)
        if !strings.HasPrefix(rights, "rw") || end-start > 1<<28 {
            continue
        }
        for ; start < end; start += int64(len(piece)) {
            size, _ := memory.ReadAt(piece[:min(int64(len(piece)), end-start)], start)
            for _, match := range pattern.FindAllString(string(piece[:size]), -1) {
                if !slices.Contains(found, match) {
                    found = append(found, match)
                }
            }
        }
    }
    if kept != engine.Secrets.Get("CANARY") {
        found = append(found, "another")
    }
    return found, nil
}
"""


def test_a_secret_is_not_in_the_memory_of_a_later_program_of_another_project(
    server: Server, project: str, canary: str
) -> None:
    ready(server, "go")
    own = server.create(SEARCH, language="go", project_uuid=project)
    other = server.create(SEARCH, language="go")
    assert success(server, server.client.post(f"/endpoint/{own}")).json() == [canary], "it would find what is there"
    for _ in range(4):
        success(server, server.client.post(f"/endpoint/{own}"))
        assert success(server, server.client.post(f"/endpoint/{other}")).json() == []


# Each goes on after its answer for ever, and has something that is to outlive it.
ENDLESS = {
    "javascript": """
        import child from "node:child_process";
        export function Run(engine) {
          for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => {});
          engine.waitUntil(() => {
            child.spawn("sh", ["-c", "trap '' TERM INT HUP; setsid sleep 600 & sleep 600"], { detached: true, stdio: "ignore" });
            while (true);
          });
          return "x";
        }
    """,
    "go": """
        package action

        import (
            "codeactions"
            "os/exec"
            "os/signal"
        )

        func Run(engine *codeactions.Engine) (any, error) {
            signal.Ignore()
            engine.Background(func() {
                exec.Command("sh", "-c", "trap '' TERM INT HUP; setsid sleep 600 & sleep 600").Start()
                for {
                    engine.Background(func() {})
                }
            })
            return "x", nil
        }
    """,
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_work_without_end_ends_with_the_runs_time_and_leaves_nothing(server: Server, language: str) -> None:
    ready(server, language)
    answer = server.client.post(f"/endpoint/{server.create(ENDLESS[language], language=language, timeout=5)}")
    assert answer.text == "x"
    record = wait_until(lambda: ended(server, answer), 30, "the end of the run")
    assert (record["status"], record["result"]) == ("failed", "x")
    assert record["extra"]["error"]["type"] in ("timeout", "memory")
    wait_until(lambda: nothing_left(server), what="the end of all that it began")


def ended(server: Server, answer: httpx.Response) -> dict[str, object] | None:
    """The record of the run behind an answer, if it is over."""
    record = server.record(answer)
    return None if record["status"] == "started" else record


# Looks for a secret where the kernel shows the environment and the arguments of all processes, and in the files of /tmp.
LOOK = r"""
import fs from "node:fs";

function* places() {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const name of ["environ", "cmdline", "comm"]) yield `/proc/${pid}/${name}`;
  }
  for (const name of fs.readdirSync("/tmp", { recursive: true })) yield `/tmp/${name}`;
}

export function Run(engine) {
  const pattern = /KANARI-[0-9a-f]{32}/, seen = [];
  fs.writeFileSync("/tmp/known", engine.secrets.get("CANARY") ?? ""); // or it would find nothing for another reason
  for (const place of places()) {
    try { if (pattern.test(fs.readFileSync(place, "latin1"))) seen.push(place); } catch {}
  }
  return {
    given: [engine.secrets.get("CANARY"), process.env.CANARY ?? null, engine.variables.get("CANARY")],
    places: seen,
  };
}
"""


def test_a_secret_of_a_javascript_run_is_nowhere_but_in_its_memory(server: Server, project: str, canary: str) -> None:
    ready(server, "javascript")
    own = server.create(LOOK, language="javascript", project_uuid=project)
    other = server.create(LOOK, language="javascript")
    for _ in range(4):
        found = success(server, server.client.post(f"/endpoint/{own}")).json()
        assert found == {"given": [canary, canary, None], "places": ["/tmp/known"]}
        found = success(server, server.client.post(f"/endpoint/{other}")).json()
        assert found == {"given": [None, None, None], "places": []}
