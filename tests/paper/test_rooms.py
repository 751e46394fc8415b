"""The rooms' papers: what a watch may see, no more; and gone at once when it is erased or forgotten."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas import incidents, watch
from schemas.vocabulary import IncidentState, Level, Tag
from services.incidents.paper import INCIDENTS, LOG
from services.incidents.tables import READS
from services.notifications.paper import NAME
from services.runtime import names
from services.runtime.paper.files import folder_of
from tests.hub import Hub
from tests.incidents.make import Made, opened
from tests.incidents.room import Office, centre, office
from tests.notifications.desk import MODE, WATCH, Desk
from tests.notifications.desk import desk as notifications_desk

WORD = "Fjellfiolett"
VAKT, BARN, AUST, FIRE = "4601.vaktsentral", "4601.barnevern", "4624.main", "110-vest.main"


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Office]:
    async with office(fresh_broker) as found:
        await found.write(*centre())
        yield found


def paper(here: Office, key: str, name: str = INCIDENTS) -> str:
    return (folder_of(here.hub.settings.home, "actual", key) / name).read_text("utf-8")


async def make(here: Office) -> None:
    """A round of the archive's printer."""
    found = here.archive._paper
    assert found is not None
    await found.printer.make()


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def files_with(word: str, folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


async def test_each_watch_has_the_open_incidents_that_it_may_see_and_log_sheets(here: Office) -> None:
    own = opened("Ras i Sandviken")
    shared = opened("Brann på kaia", level=Level.NAMED, named=["4624"])
    closed = opened("Gammel sak")
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    await here.write(own, shared, closed, Made(closing, about=closed.about))
    await make(here)
    assert "Ras i Sandviken" in paper(here, VAKT)
    assert "Brann på kaia" in paper(here, VAKT)
    assert "Gammel sak" not in paper(here, VAKT)
    assert "Brann på kaia" in paper(here, AUST)
    for key in (AUST, BARN, FIRE):
        assert "Ras i Sandviken" not in paper(here, key)
        assert "Hva er meldt, besluttet eller gjort" in paper(here, key, LOG)
    assert "Ingen åpne hendelser." in paper(here, FIRE)


async def test_what_a_hidden_watch_has_stands_on_no_other_paper(here: Office) -> None:
    hidden = watch.Established(watch=BARN, code="BV", title="Barnevern", hidden=True, posts=["duty"])
    secret = opened(WORD, owner=BARN, tags=[Tag.CHILD])
    await here.write(Made(hidden, about="BV", owner=BARN), secret)
    await make(here)
    home = here.hub.settings.home / "paper"
    told = (WORD, secret.fact.data.body["ref"], secret.about, "Barnevern")
    for word in told[:2]:
        assert {Path(name).parent.name for name in files_with(word, home)} == {BARN}
    for word in told:
        assert not [name for name in files_with(word, home) if BARN not in name]


async def test_what_is_erased_is_gone_from_the_papers_at_once(here: Office) -> None:
    made = opened(f"{WORD} " * 50)
    await here.write(made, opened("Annen sak"))
    await make(here)
    home = here.hub.settings.home / "paper"
    assert files_with(WORD, home)
    body = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    await here.write(Made(body, about=made.about))
    await until(lambda: not files_with(WORD, home))
    assert "(slettet)" in paper(here, VAKT)
    assert "Annen sak" in paper(here, VAKT)


async def test_a_reader_has_the_own_papers_made_at_once_and_others_are_refused(here: Office) -> None:
    await here.write(opened("Ras nå"))
    answer = await here.ask(VAKT, "paper")
    assert answer["files"] == [f"paper/actual/{VAKT}/{name}" for name in (INCIDENTS, LOG)]
    assert "Ras nå" in paper(here, VAKT)
    assert (await here.ask(VAKT, "paper", person="nobody"))["code"] == "NOT_ALLOWED"


async def test_restricted_items_that_come_onto_paper_are_noted_once_in_the_log_of_reads(
    here: Office,
) -> None:
    secret = opened("Adresse", tags=[Tag.VULNERABILITY])
    await here.write(secret)
    for _ in range(2):
        await make(here)
    await here.ask(VAKT, "paper")
    store = here.archive._store
    assert store is not None
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(READS).order_by(READS.c.id)).all()
    assert [(row.watch, row.item, row.person, row.machine, row.what) for row in rows] == [
        (VAKT, secret.id, None, "paper", "paper"),
        (VAKT, secret.id, "p1", None, "paper"),
    ]


async def test_health_tells_the_age_of_the_papers_and_no_number_of_facts(here: Office) -> None:
    await make(here)
    assert here.archive.health() == {
        "ok": True,
        "modes": {"actual": None, "exercise": None},
        "paper_age_s": 0,
    }


@pytest.fixture
async def desk(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with notifications_desk(fresh_broker) as found:
        yield found


def duty_paper(desk: Desk, key: str = WATCH) -> str:
    path = folder_of(desk.office.hub.settings.home, MODE, key) / NAME
    return path.read_text("utf-8") if path.exists() else ""


async def test_who_is_forgotten_is_gone_from_the_duty_list_at_once(desk: Desk) -> None:
    await desk.man(primary="kari", backup="ola")
    printer = desk.room._paper.printer if desk.room._paper else None
    assert printer is not None
    async with asyncio.timeout(5):
        while "Kari" not in duty_paper(desk):
            await printer.make()
    assert "900 00 001" in duty_paper(desk)
    assert "Kari" not in duty_paper(desk, "110-vest.main")
    writer = await desk.office.connection(names.PEOPLE_WRITER)
    await writer.jetstream().publish(f"$KV.{names.PEOPLE}.kari", b"")
    home = desk.office.hub.settings.home / "paper"
    await until(lambda: not files_with("Kari", home) and not files_with("900 00 001", home))
    assert "Ola" in duty_paper(desk)
