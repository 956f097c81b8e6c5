"""A folder of six migrations, each of which leaves a trace."""

from pathlib import Path

import pytest
from acceptance.migrate_together.steps import DOWN, FILES
from migrate_process import write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "m", FILES, DOWN)
