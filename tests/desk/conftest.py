"""One hub with its rooms for each module of these tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.desk.house import House
from tests.hub import Hub, running_hub


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker for one module."""
    with running_hub(tmp_path_factory.mktemp("desk")) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(own_broker: Hub) -> AsyncIterator[House]:
    """The rooms run and the centre is set up."""
    found = House(own_broker)
    try:
        await found.start()
        await found.set_up()
        yield found
    finally:
        await found.close()
