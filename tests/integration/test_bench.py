"""The bench itself: it runs, stops what it started, and its counts add up. Times are not looked at."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from harness import children_of, is_alive, wait_until

ROOT = Path(__file__).resolve().parents[2]
ALWAYS_THERE = (
    "server",
    "supervisor of runs",
    "launcher of runs, inner half",
    "zygote of python",
    "zygote of javascript",
    "zygote of go",
    "supervisor of builds",
    "launcher of builds, inner half",
    "zygote of builds",
)
SERVERS = {"codeactions", "python per request", "python per request, with clients", "functions-framework"}

OURS = {"JavaScript, trivial", "JavaScript, typical", "Go, trivial", "Python, trivial"}
PEERS = {
    *("bun, trivial", "bun in a sandbox, trivial", "node, trivial"),
    *("bun, typical", "bun in a sandbox, typical", "node, typical"),
    *("Go program", "Go program in a sandbox"),
}
# Go's standard library may have to be compiled first: once, for all servers of the bench and the tests.
SECONDS = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 60)]


@pytest.fixture
def temporary():
    """A folder for the bench's temporary files, open to the database's own user."""
    with tempfile.TemporaryDirectory(prefix="codeactions-test-bench-") as folder:
        yield Path(folder)


@pytest.fixture
def environment(temporary):
    """The environment of a bench whose temporary files are in `temporary`."""
    return {**os.environ, "TMPDIR": str(temporary)}


def test_a_quick_run_measures_every_part_and_its_counts_add_up(temporary, environment):
    command = [sys.executable, "-m", "bench", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert found["plan"]["rounds"] == 1
    assert set(found["servers"]) == SERVERS
    for levels in found["servers"].values():
        assert set(levels) == {str(level) for level in found["plan"]["levels"]}
        for series in levels.values():
            assert series["wrong"] == 0
            assert series["complaints"] == []
            assert 0 < series["measured"] < series["calls"]
            for name in ("p50_ms", "p99_ms", "per_second"):
                assert 0 < series[name]["low"] <= series[name]["median"] <= series[name]["high"]

    recorded = found["recorded"]
    for server in SERVERS - {"functions-framework"}:
        calls = sum(series["calls"] for series in found["servers"][server].values())
        first = 1 if server == "codeactions" else 0  # made before anything is measured
        assert recorded[server] == {"calls": calls + first, "completed": calls + first, "other": 0, "ok": True}
    assert recorded["runs that sleep"]["ok"]
    assert found["answers_right"] is True

    floor = found["floor"]
    assert floor["sum_ms"]["median"] >= max(floor["fork_ms"]["median"], floor["commit_ms"]["median"])
    for sizes in (found["memory"]["idle_before"], found["memory"]["idle_after"]):
        assert set(ALWAYS_THERE) < set(sizes)
        assert sizes["together"]["rss"] == pytest.approx(sum(sizes[part]["rss"] for part in ALWAYS_THERE), rel=0.1)
        for language in ("python", "javascript"):
            (warm,) = [sizes[part] for part in sizes if part.startswith(f"warm sandboxes of {language}: ")]
            assert warm["rss"] > 0
        assert all(size["pss"] <= size["rss"] for size in sizes.values())
    assert found["memory"]["run_private"]["median"] > 0
    assert {ratio["peer"] for ratio in found["ratios"]} == SERVERS - {"codeactions"} | {"floor"}
    assert found["bars"]
    assert {"cpu", "cores", "kernel", "python", "postgresql", "sandbox"} <= set(found["machine"])
    assert list(temporary.iterdir()) == []


def test_a_quick_run_of_migrate_measures_every_part(temporary, environment):
    command = [sys.executable, "-m", "bench.migrate", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert {part: len(contestants) for part, contestants in found["parts"].items()} == {
        "one start": 4,
        "tiny migrations": 3,
        "start with many files": 3,
        "inside a tiny migration": 6,
    }
    for contestants in found["parts"].values():
        for series in contestants.values():
            assert series["rounds"] > 0
            assert 0 < series["wall_ms"]["low"] <= series["wall_ms"]["median"] <= series["wall_ms"]["high"]
            assert series["cpu_ms"]["low"] >= 0
    assert {ratio["to"] for ratio in found["ratios"]} >= {"golang-migrate's way, replayed", "python -c pass"}
    assert len(found["bars"]) == 4
    assert {"cores", "kernel", "python", "postgresql"} <= set(found["machine"])
    assert list(temporary.iterdir()) == []


def test_ctrl_c_stops_everything_it_started(temporary, environment):
    command = [sys.executable, "-m", "bench", "--only", "codeactions", "--only", "floor"]
    bench = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert bench.stderr is not None
    try:
        for line in bench.stderr:
            if line.startswith("round 1"):
                break
        started = children_of(bench.pid)
        assert len(started) > 10
        bench.send_signal(signal.SIGINT)
        bench.stderr.read()
        assert bench.wait(60) == 130
    finally:
        bench.kill()
        bench.wait()
        bench.stderr.close()
    wait_until(lambda: not any(map(is_alive, started)), 10, "the end of all its processes")
    assert list(temporary.iterdir()) == []


def test_a_quick_run_of_the_languages_measures_calls_and_deploys_and_its_counts_add_up(temporary, environment):
    command = [sys.executable, "-m", "bench.languages", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    # What a machine has not is said, and nothing else is missing.
    assert set(found["missing"]) <= {peer for peer in PEERS if "node" in peer or "sandbox" in peer}
    assert all(found["missing"].values())
    assert set(found["servers"]) == (OURS | PEERS) - set(found["missing"])
    assert set(found["spaced"]) == OURS
    for levels in found["servers"].values():
        assert set(levels) == {"1", "16"}
    every = [(name, series) for name, levels in found["servers"].items() for series in levels.values()]
    every += found["spaced"].items()
    for _, series in every:
        assert series["wrong"] == 0
        assert series["complaints"] == []
        assert 0 < series["measured"] < series["calls"]
        for name in ("p50_ms", "p99_ms", "per_second"):
            assert 0 < series[name]["low"] <= series[name]["median"] <= series[name]["high"]
    for server, recorded in found["recorded"].items():
        calls = sum(series["calls"] for name, series in every if name == server)
        first = 1 if server in OURS else 0  # made before anything is measured
        assert recorded == {"calls": calls + first, "completed": calls + first, "other": 0, "ok": True}
    assert set(found["recorded"]) == set(found["servers"])
    assert found["answers_right"] is True

    assert {ratio["to"] for ratio in found["ratios"]} == set(found["servers"]) - OURS
    assert set(found["deploys"]) == {"python", "javascript", "go"}
    for deploys in found["deploys"].values():
        assert deploys["count"] == found["plan"]["deploys"]
        assert 0 < deploys["low"] <= deploys["median"] <= deploys["high"]
    sandboxed = sum("in a sandbox" in server for server in found["servers"])
    assert len(found["bars"]) == 3 + 3 + 3 + sandboxed + 2
    assert set(found["machine"]["versions"]) >= {"python", "javascript", "go"}
    assert list(temporary.iterdir()) == []


def test_streams_are_measured_and_no_piece_is_lost(environment):
    command = [sys.executable, "-m", "bench.streams", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["streams"] == 64
    assert found["pieces"] >= 64 * 2
