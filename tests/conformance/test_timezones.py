"""The time zone of a code: UTC, the server's, or its own; the clock of each language follows it, and every program."""

import pytest
from conformance.languages import Language, run

# 2026-01-15 12:00 and 2026-07-15 12:00 UTC as the local clock shows them, TZ, and TZ of a program that is started.
LOCAL = run(
    python="""
        import os, subprocess, sys, time
        from datetime import datetime
        moments = [1768478400, 1784116800]
        shown = [time.strftime("%H:%M", time.localtime(moment)) for moment in moments]
        assert shown == [datetime.fromtimestamp(moment).strftime("%H:%M") for moment in moments]
        assert shown == [f"{datetime.fromtimestamp(moment).astimezone():%H:%M}" for moment in moments]
        child = subprocess.run(["sh", "-c", "echo $TZ; date -d @1768478400 +%H:%M"], capture_output=True, text=True)
        return [*shown, os.environ.get("TZ", ""), *child.stdout.split("\\n")[:2]]
        """,
    javascript="""
        const moments = [1768478400, 1784116800];
        const pad = (number) => String(number).padStart(2, "0");
        const shown = moments.map((at) => new Date(at * 1000)).map((at) => `${pad(at.getHours())}:${pad(at.getMinutes())}`);
        const command = ["sh", "-c", "echo $TZ; date -d @1768478400 +%H:%M"];
        const child = Bun.spawnSync(command).stdout.toString();
        for (const other of [
          await new Response(Bun.spawn(command).stdout).text(),
          await new Response(Bun.spawn({ cmd: command }).stdout).text(),
          require("node:child_process").spawnSync("sh", command.slice(1)).stdout.toString(),
        ]) if (other !== child) throw new Error(other);
        return [...shown, process.env.TZ ?? "", ...child.split("\\n").slice(0, 2)];
        """,
    go="""
        shown := []string{}
        for _, moment := range []int64{1768478400, 1784116800} {
            shown = append(shown, time.Unix(moment, 0).Format("15:04"))
        }
        child, _ := exec.Command("sh", "-c", "echo $TZ; date -d @1768478400 +%H:%M").Output()
        return append(shown, append([]string{os.Getenv("TZ")}, strings.Split(string(child), "\\n")[:2]...)...), nil
        """,
)
ZONES = {
    None: ["12:00", "12:00", "", "", "12:00"],
    "UTC": ["12:00", "12:00", "", "", "12:00"],
    "America/Sao_Paulo": ["09:00", "09:00", "America/Sao_Paulo", "America/Sao_Paulo", "09:00"],
    "Europe/Berlin": ["13:00", "14:00", "Europe/Berlin", "Europe/Berlin", "13:00"],
    "Asia/Kathmandu": ["17:45", "17:45", "Asia/Kathmandu", "Asia/Kathmandu", "17:45"],
    "Etc/GMT+5": ["07:00", "07:00", "Etc/GMT+5", "Etc/GMT+5", "07:00"],
}


@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_of_a_code_is_in_its_zone(language: Language, zone: str | None) -> None:
    answer = language.call(LOCAL, fields={} if zone is None else {"timezone": zone})
    assert answer.status_code == 200, language.record(answer)["extra"]
    assert answer.json() == ZONES[zone]


def test_the_zone_can_be_changed_and_taken_away(language: Language) -> None:
    client, code_id = language.server.client, language.deploy(LOCAL, timezone="Europe/Berlin")
    seen = []
    for change in ({"timezone": "america/sao_paulo"}, {"name": "renamed"}, {"timezone": None}, {"timezone": "UTC"}):
        changed = client.patch(f"/code/{code_id}", json=change).json()
        seen.append((changed["timezone"], client.post(f"/endpoint/{code_id}").json()[0]))
    assert seen == [("America/Sao_Paulo", "09:00")] * 2 + [(None, "12:00"), ("UTC", "12:00")]
    assert client.patch(f"/code/{code_id}", params={"timezone": "Europe/Berlin"}).json()["timezone"] == "Europe/Berlin"
    assert client.patch(f"/code/{code_id}", params={"timezone": ""}).json()["timezone"] is None


def test_what_is_made_while_the_source_is_loaded_is_in_the_zone_too(language: Language) -> None:
    sources = {
        "python": """
            import time
            LOADED = time.strftime("%H", time.localtime(0))
            def Run(engine):
                return LOADED
            """,
        "javascript": """
            const LOADED = String(new Date(0).getHours());
            export function Run() { return LOADED; }
            """,
        "go": """
            var loaded = time.Unix(0, 0).Format("15")
            func Run(engine *codeactions.Engine) (any, error) { return loaded, nil }
            """,
    }
    assert language.call(sources, fields={"timezone": "Asia/Tokyo"}).text.lstrip("0") == "9"


def test_libraries_of_time_zones_work(python: Language) -> None:
    source = """
        from zoneinfo import ZoneInfo, available_timezones
        from datetime import datetime
        def Run(engine):
            there = datetime(2026, 7, 15, 12, tzinfo=ZoneInfo("Europe/Berlin"))
            return [there.isoformat(), len(available_timezones()) > 300]
        """
    assert python.call({"python": source}).json() == ["2026-07-15T12:00:00+02:00", True]


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Sao_Paulo", "did you mean America/Sao_Paulo?"),
        ("America/Sao Paulo", "did you mean America/Sao_Paulo?"),
        ("Europe/Berlim", "did you mean Europe/Berlin?"),
        ("-03:00", "such as America/Sao_Paulo, not '-03:00'"),
        ("../../etc/passwd", "must be the name of a time zone"),
        ("/usr/share/zoneinfo/UTC", "must be the name of a time zone"),
        ("posix/UTC", "must be the name of a time zone"),
        ("tzdata.zi", "must be the name of a time zone"),
        ("x" * 65, "timezone must have at most 64"),
        ("a\0b", "timezone"),
    ],
)
def test_an_unknown_zone_is_refused(python: Language, zone: str, words: str) -> None:
    client, code_id = python.server.client, python.deploy(LOCAL)
    fields = {"name": "x", "language": "python", "type": "endpoint", "project_uuid": "p", "source": "Run = print"}
    for answer in (
        client.post("/code", json={**fields, "timezone": zone}),
        client.patch(f"/code/{code_id}", json={"timezone": zone}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
        assert words in answer.json()["error"]["message"]
