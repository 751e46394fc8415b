"""The tables of reports, for tests of deadlines and of the log of reads."""

from collections.abc import Callable

import pytest
from sqlalchemy.engine import Engine


@pytest.fixture
def engine(tables_of: Callable[[str], Engine]) -> Engine:
    """In either database."""
    return tables_of("reports")
