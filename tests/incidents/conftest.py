"""What several tests of the incident log stand on."""

from collections.abc import AsyncIterator

import pytest

from tests.hub import Hub
from tests.incidents.room import Office, centre, office


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Office]:
    """An archive that knows the centre, and prints no paper meanwhile."""
    async with office(fresh_broker) as found:
        await found.write(*centre())
        assert found.archive._paper is not None
        await found.archive._paper.printer.stop()
        yield found
