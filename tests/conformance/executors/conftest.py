"""Each executor in turn. A new one is added to SITES, and passes the tests of this folder unchanged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conformance.executors.sites import SITES, Site


@pytest_asyncio.fixture(params=list(SITES))
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Each executor in turn."""
    async with SITES[request.param](tmp_path) as site:
        yield site
