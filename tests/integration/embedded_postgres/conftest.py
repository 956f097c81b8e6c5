"""An embedded PostgreSQL of the test's own, which is not started yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codeactions.postgres.embedded.cluster import processes_in
from codeactions.postgres.embedded.server import EmbeddedPostgres


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    database = EmbeddedPostgres(data_dir)
    yield database
    database.stop()
    assert processes_in(data_dir / "postgres") == []
