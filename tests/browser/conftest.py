"""One hub and one Chromium for all tests of the pages."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.rig import HOSTILE_NAME, HOSTILE_TITLE, PATIENCE_S, Rig, launch
from tests.system.scene import example, write_centre
from tests.system_hub import HubProcess, running


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """The example centre, in which one person and one watch are called what a page might run."""
    folder: Path = tmp_path_factory.mktemp("browser")
    values = example()
    next(one for one in values["persons"] if one["key"] == "marit")["name"] = HOSTILE_NAME
    next(one for one in values["watches"] if one["key"] == "4601.omsorg")["name"] = HOSTILE_TITLE
    with running(folder / "home", centre=write_centre(folder / "centre.yaml", values)) as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of this machine."""
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_S * 1000)
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rig(hub: HubProcess, chromium: Browser) -> Rig:
    """The hub with its desks."""
    return Rig(hub, chromium)
