"""An issuer in this process, and a server that trusts it."""

from collections.abc import AsyncIterator

import pytest
from unit.oidc.site import Site

from codeactions.identity.oidc import OidcVerifier


@pytest.fixture
def site() -> Site:
    """An issuer with one key."""
    return Site()


@pytest.fixture
async def verifier(site: Site) -> AsyncIterator[OidcVerifier]:
    """A server that trusts it."""
    verifier = site.verifier()
    yield verifier
    await verifier.close()
