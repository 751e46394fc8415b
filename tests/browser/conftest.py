"""A hub and a Chromium for the tests of the pages."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.rig import HOSTILE_NAME, HOSTILE_TITLE, PATIENCE_S, Rig, launch
from tests.system.scene import example, write_centre
from tests.system_hub import HubProcess, once, run_once, running


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the example centre, in which one person and one watch are called what a page might run."""

    def make(home: Path) -> None:
        values = example()
        next(one for one in values["persons"] if one["key"] == "marit")["name"] = HOSTILE_NAME
        next(one for one in values["watches"] if one["key"] == "4601.omsorg")["name"] = HOSTILE_TITLE
        run_once(home, centre=write_centre(home.parent / "centre.yaml", values))

    return once(tmp_path_factory, "browser-snapshot", make)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, snapshot: Path) -> Iterator[HubProcess]:
    """A hub for the tests of one file."""
    home = tmp_path_factory.mktemp("browser") / "home"
    with running(home, snapshot, centre=snapshot.parent / "centre.yaml") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of this machine."""
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_S * 1000)
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig(hub: HubProcess, chromium: Browser) -> Rig:
    """The hub with its desks."""
    return Rig(hub, chromium)
