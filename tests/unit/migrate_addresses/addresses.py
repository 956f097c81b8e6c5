"""What every URL of a database leads to, and a URL that is refused."""

from typing import Any

import pytest

from codeactions.migrate.database import address
from codeactions.migrate.errors import ErrorCode, MigrationError

LIB_PQ = {"DateStyle": "ISO, MDY", "extra_float_digits": "2"}
OPENED = "failed to open database: "


def refused(url: str, **options: Any) -> MigrationError:
    with pytest.raises(MigrationError) as caught:
        address.parse(url, **options)
    assert caught.value.code is ErrorCode.INVALID
    assert "\n" not in caught.value.message
    return caught.value
