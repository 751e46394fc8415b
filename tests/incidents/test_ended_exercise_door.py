"""Nothing more is written in the incidents of an exercise that was ended for good; new ones are taken in."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import exercise, incidents, records, relations
from schemas.envelope import Accepted, Actor, Answer, Body, Refused
from schemas.identifiers import new_id
from schemas.subjects import Place
from schemas.vocabulary import Authentication, EntryKind, IncidentState, Level, Mode
from services.runtime import names
from services.runtime.facts import Draft
from tests.hub import Hub
from tests.incidents.centre import NEIGHBOUR, VAKT, Centre, Sender, open_centre
from tests.ledgers import open_ledger

SAID = {"headline": "Vann i kjeller"}
AT = datetime.fromisoformat("2027-01-14T08:00:00+01:00")


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refused) else answer.status


async def say(hub: Hub, *bodies: Body) -> None:
    """What the room of exercises would have written."""
    async with open_ledger(hub, names.WATCH_LEDGER) as ledger:
        actor = Actor(organisation="4601", watch="centre", via="test", authentication=Authentication.SERVICE)
        for body in bodies:
            place = Place(Mode.EXERCISE, "4601", "centre", body.trade, "x1", body.name)
            await ledger.append(Draft(new_id(), place, body, actor, datetime.now(UTC), new_id(), "4601"))


def reading() -> dict[str, Any]:
    return {"exercise": "x1", "at": AT, "wall": datetime.now(UTC), "speed": 1}


async def until_gone(sender: Sender, incident: str) -> None:
    """Wait until the door has read that the exercise is over."""
    async with asyncio.timeout(10):
        while code(await sender.send(_entry(incident=incident), SAID)) != "EXERCISE_GONE":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _entry(**named: Any) -> incidents.AddEntry:
    return incidents.AddEntry(kind=EntryKind.INFORMATION, level=Level.WATCH, **named)


async def opened(sender: Sender) -> Accepted:
    request = incidents.OpenIncident(incident=new_id(), type="water.main", level=Level.WATCH)
    answer = await sender.send(request, SAID)
    assert isinstance(answer, Accepted), answer
    return answer


@pytest.fixture
async def ended(fresh_broker: Hub) -> Any:
    """A centre, its people, and an incident of an exercise that is over for good."""
    begun = exercise.Begun(code="ask", organisations=["4601", "4624"], led_by=VAKT, **reading())
    await say(fresh_broker, begun)
    async with open_centre(fresh_broker) as centre:
        kari = await centre.person("kari", VAKT)
        gone = await opened(kari)
        gone_for_good = {"exercise": "x1", "order": "o1", "where": ["4601"], "law": "arkivlova-15"}
        await say(
            fresh_broker,
            exercise.Ended(**reading()),
            exercise.Discarded(**gone_for_good, asked_by="liv", wall=datetime.now(UTC)),  # type: ignore[arg-type]
        )
        await until_gone(kari, gone.subject)
        yield centre, kari, gone


async def test_nothing_more_is_written_ties_it_or_holds_it(ended: tuple[Centre, Sender, Accepted]) -> None:
    centre, kari, gone = ended
    other = await opened(kari)
    archive = await centre.person("arkiv", VAKT)
    for sender, request in (
        (kari, _entry(ref=gone.ref)),
        (kari, incidents.ChangeState(incident=gone.subject, state=IncidentState.IN_PROGRESS)),
        (kari, relations.LinkIncidents(incident=other.subject, other=gone.subject)),
        (kari, relations.LinkIncidents(incident=gone.subject, other=other.subject)),
        (archive, records.PlaceHold(incident=gone.subject, ground="court_case")),
    ):
        content = SAID if isinstance(request, incidents.AddEntry) else None
        assert code(await sender.send(request, content)) == "EXERCISE_GONE", request


async def test_what_comes_after_it_is_taken_in_as_ever(ended: tuple[Centre, Sender, Accepted]) -> None:
    _, kari, _ = ended
    fresh = await opened(kari)
    assert code(await kari.send(_entry(incident=fresh.subject), SAID)) == "accepted"


async def test_who_never_saw_the_incident_hears_nothing_of_it(
    ended: tuple[Centre, Sender, Accepted],
) -> None:
    centre, _, gone = ended
    nora = await centre.person("nora", NEIGHBOUR)
    answer = await nora.send(_entry(ref=gone.ref), SAID)
    assert isinstance(answer, Accepted)
    assert answer.result["mark"] == "unattached"
