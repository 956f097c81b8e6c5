"""A real RabbitMQ for each module, and names on it for each test."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from rabbitmq import RabbitMQ

from codeactions.events.config import EventsConfig
from codeactions.postgres.database import Database
from codeactions.services.membership_sync import MembershipSync

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Shared by the tests of this module, which have names of their own and leave it running."""
    broker = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture
async def directory(migrated_url: str) -> AsyncIterator[MembershipSync]:
    database = Database(migrated_url)
    await database.open()
    yield MembershipSync(database)
    await database.close()


@pytest.fixture
def config(broker: RabbitMQ) -> EventsConfig:
    """With names that no other test has."""
    number = next(_numbers)
    return EventsConfig(
        url=broker.url(),
        projects_exchange=f"{number}.projects.topic",
        projects_queue=f"{number}.projects",
        permissions_exchange=f"{number}.permissions.topic",
        permissions_queue=f"{number}.permissions",
    )
