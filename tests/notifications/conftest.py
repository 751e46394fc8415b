"""The tables of notifications, for tests of the store and of what stands on it."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.engine import Engine

from services.notifications.commits import Store


@pytest.fixture
def engine(tables_of: Callable[[str], Engine]) -> Engine:
    """In either database."""
    return tables_of("notifications")


@pytest.fixture
async def rows(engine: Engine) -> AsyncIterator[Store]:
    """The store over them."""
    opened = Store(engine)
    yield opened
    await opened.close()
