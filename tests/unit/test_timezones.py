"""Time zones on a host that has none, and on one that has lost one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.runtimes import timezones


@pytest.fixture
def _no_zones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(timezones, "_FOLDER", str(tmp_path))
    timezones.names.cache_clear()
    timezones.require_there.cache_clear()
    yield
    timezones.names.cache_clear()
    timezones.require_there.cache_clear()


@pytest.mark.usefixtures("_no_zones")
def test_a_host_without_zones_has_utc_and_says_what_to_install() -> None:
    assert timezones.checked("utc", "timezone") == "UTC"
    with pytest.raises(Error, match=r"timezone must be UTC: .* install its package tzdata") as caught:
        timezones.checked("America/Sao_Paulo", "timezone")
    assert caught.value.code is ErrorCode.INVALID


# Deployed where the zone was known, run where it is not: UTC instead would be wrong without a word.
@pytest.mark.usefixtures("_no_zones")
def test_a_run_whose_zone_is_missing_on_its_node_does_not_start() -> None:
    timezones.require_there("UTC")
    with pytest.raises(Error, match="this node has no time zone Europe/Berlin: install the package tzdata") as caught:
        timezones.require_there("Europe/Berlin")
    assert caught.value.code is ErrorCode.BUSY
