"""What applies the identity system's messages, and a project of the test's own."""

from collections.abc import AsyncIterator

import pytest
from integration.directory.messages import NOW, numbers

from codeactions.postgres.database import Database
from codeactions.services.membership_sync import MembershipSync


@pytest.fixture
async def directory(migrated_url: str) -> AsyncIterator[MembershipSync]:
    database = Database(migrated_url)
    await database.open()
    yield MembershipSync(database, lambda: NOW)
    await database.close()


@pytest.fixture
def uuid() -> str:
    return f"project {next(numbers)}"
