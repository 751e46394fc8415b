"""Papers are made again and again, and it is known how old they are."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.runtime.paper import printer as module
from services.runtime.paper.printer import Printer


class Press:
    """Counts the rounds; fails while it is told to."""

    def __init__(self) -> None:
        self.rounds = 0
        self.fails = False
        self.watches = 1

    async def work(self) -> int:
        self.rounds += 1
        if self.fails:
            raise OSError(28, "no room")
        return self.watches


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Press:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    return Press()


@pytest.fixture
async def printer(press: Press) -> AsyncIterator[Printer]:
    found = Printer("test", press.work)
    yield found
    await found.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_they_are_made_at_the_start_at_every_round_and_at_once_when_asked(
    press: Press, printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.1)
    printer.start()
    await until(lambda: press.rounds == 1)
    await until(lambda: press.rounds == 2)
    monkeypatch.setattr(module, "EVERY_S", 60.0)
    await until(lambda: press.rounds == 3)
    await asyncio.sleep(0.05)
    printer.ask()
    await until(lambda: press.rounds == 4)


async def test_a_round_that_fails_or_finds_no_watch_is_tried_again_soon_and_ends_nothing(
    press: Press, printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    press.fails = True
    printer.start()
    await until(lambda: press.rounds > 2)
    press.fails, press.watches = False, 0
    seen = press.rounds
    await until(lambda: press.rounds > seen + 2)


async def test_papers_that_grow_old_are_a_fault_and_their_age_is_told(
    press: Press, printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await printer.make() == 1
    assert printer.is_fresh
    assert printer.health == {"paper_age_s": 0}
    monkeypatch.setattr(module, "OLD_S", -1.0)
    assert not printer.is_fresh
