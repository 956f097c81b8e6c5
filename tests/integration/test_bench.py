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
SERVERS = {"codeactions", "python per request", "python per request, with clients", "functions-framework"}

pytestmark = pytest.mark.slow


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
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)
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
        parts = ("server", "launcher, outer half", "launcher, inner half", "first zygote")
        assert sizes["together"]["rss"] == pytest.approx(sum(sizes[part]["rss"] for part in parts), rel=0.1)
        assert all(size["pss"] <= size["rss"] for size in sizes.values())
    assert found["memory"]["run_private"]["median"] > 0
    assert {ratio["peer"] for ratio in found["ratios"]} == SERVERS - {"codeactions"} | {"floor"}
    assert found["bars"]
    assert {"cpu", "cores", "kernel", "python", "postgresql", "sandbox"} <= set(found["machine"])
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
