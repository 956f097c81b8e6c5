"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option(help="The data folder (CODEACTIONS_DATA_DIR).")]
DatabaseUrl = Annotated[
    str | None, typer.Option(help="PostgreSQL to use instead of the embedded database (DATABASE_URL).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
