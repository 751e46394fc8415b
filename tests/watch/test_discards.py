"""The door of exercises behind a real broker: begun by who leads the house, ended for good by two persons."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas import exercise, incidents, records
from schemas.feeds import OrganisationSet
from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.vocabulary import Level, Mode, Priority, Role
from schemas.watch import Establish
from services.runtime import names
from services.watch.app import build
from tests.caller import Caller, Office, office
from tests.hub import Hub

VAKT, MODE = "4601.vaktsentral", Mode.EXERCISE.value
ROLES = (
    ("jon", Role.LEADER, VAKT),
    ("kari", Role.LEADER, "4601"),
    ("liv", Role.ARCHIVE_OWNER, "4601"),
    ("ingrid", Role.APPROVER, "4601"),
    ("nina", Role.ARCHIVE_OWNER, "4624"),
)


@pytest.fixture
async def hub(fresh_broker: Hub) -> AsyncIterator[Office]:
    """The room serves in mode exercise; two houses, one watch each, and their people."""
    async with office(fresh_broker, build) as found:
        for person, role, where in ROLES:
            body = Granted(person=person, role=role, where=where)
            await found.put_fact(names.PEOPLE_LEDGER, "4601.centre", person, body, MODE)
        for key in ("4601", "4624"):
            organisation = OrganisationSet(organisation=key, title=key, kind="municipality", serves=[key])
            await found.put_fact(names.FEEDS_LEDGER, f"{key}.centre", key, organisation, MODE)
        await found.start()
        for key, code in ((VAKT, "VAKT"), ("4624.main", "MAIN")):
            centre = await found.caller(f"{key.partition('.')[0]}.centre")
            await centre.accepted(Establish(watch=key, code=code, title=code), mode=MODE)
        yield found


def begin(id: str, *organisations: str) -> exercise.Begin:
    at = exercise.Begun.model_validate(
        {"exercise": "x", "code": "x", "organisations": [], "at": "2027-01-14T08:00:00+01:00"}
        | {"wall": "2027-01-14T08:00:00+01:00", "speed": 1}
    ).at
    return exercise.Begin(exercise=id, code="ask", organisations=list(organisations), at=at)


async def ended(desk: Caller, *organisations: str) -> str:
    """The id of an exercise that ran and has ended, led by who leads the house."""
    id, lead = new_id(), desk.by("kari")
    await lead.accepted(begin(id, *organisations), mode=MODE)
    await lead.accepted(exercise.End(exercise=id), mode=MODE)
    return id


async def test_a_leader_of_one_watch_neither_begins_for_the_house_nor_for_a_neighbour(hub: Office) -> None:
    desk, id = await hub.caller(VAKT), new_id()
    assert await desk.by("jon").refused(begin(id, "4601"), mode=MODE) == "HOUSE_ROLE_NEEDED"
    assert await desk.by("kari").refused(begin(id, "4601", "4624"), mode=MODE) == "HOUSE_ROLE_NEEDED"
    consent = Granted(person="kari", role=Role.LEADER, where="4624")
    await hub.put_fact(names.PEOPLE_LEDGER, "4624.centre", "kari", consent, MODE)
    async with asyncio.timeout(10):
        while await _is_refused(desk.by("kari"), begin(id, "4601", "4624")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (run,) = (await desk.by("liv").ask("exercise", "list", MODE))["exercises"]
    assert (run["exercise"], run["led_by"], run["ended"]) == (id, "4601", None)


async def test_an_exercise_is_ended_for_good_by_the_archive_owner_and_another_person(hub: Office) -> None:
    desk, order = await hub.caller(VAKT), new_id()
    wanted = exercise.Discard(exercise=new_id(), order=order, where=["4601"], law="arkivlova-15")
    assert await desk.by("liv").refused(wanted, mode=MODE) == "UNKNOWN_EXERCISE"
    id = new_id()
    await desk.by("kari").accepted(begin(id, "4601"), mode=MODE)
    wanted = wanted.model_copy(update={"exercise": id})
    assert await desk.by("liv").refused(wanted, mode=MODE) == "EXERCISE_RUNS"
    await desk.by("kari").accepted(exercise.End(exercise=id), mode=MODE)
    assert await desk.by("ingrid").refused(wanted, mode=MODE) == "HOUSE_ROLE_NEEDED"
    approval = exercise.ApproveDiscard(exercise=id, order=order)
    assert await desk.by("ingrid").refused(approval, mode=MODE) == "UNKNOWN_ORDER"
    await desk.by("liv").accepted(wanted, mode=MODE)
    assert await desk.by("liv").refused(approval, mode=MODE) == "SECOND_PERSON_NEEDED"
    assert await desk.by("ingrid").refused(approval) == "NOT_ALLOWED", "nothing of mode actual is ended so"
    command = new_id()
    first = await desk.by("ingrid").accepted(approval, id=command, mode=MODE)
    assert await desk.by("ingrid").accepted(approval, id=command, mode=MODE) == first
    assert await desk.by("ingrid").refused(approval, mode=MODE) == "SAME_STATE"
    found = [body for _, body in await hub.facts(names.WATCH_LEDGER, id, MODE)]
    (gone,) = [body for body in found if isinstance(body, exercise.Discarded)]
    assert (gone.where, gone.asked_by, gone.law) == (["4601"], "liv", "arkivlova-15")
    (run,) = (await desk.by("liv").ask("exercise", "list", MODE))["exercises"]
    assert [(one["where"], one["gone"] is not None) for one in run["shares"]] == [("4601", True)]
    assert [(one["order"], one["state"]) for one in run["orders"]] == [(order, "done")]


async def _is_refused(lead: Caller, request: exercise.Begin) -> bool:
    """True until the room has read a role that another room gave."""
    return (await lead.send(request, mode=MODE)).status != "accepted"


async def put_incident(hub: Office, id: str, *bodies: Any) -> None:
    for body in bodies:
        await hub.put_fact(names.INCIDENTS_LEDGER, VAKT, id, body, MODE)


async def test_a_hold_on_one_incident_keeps_the_whole_exercise_and_one_elsewhere_does_not(
    hub: Office,
) -> None:
    desk, order, held = await hub.caller(VAKT), new_id(), new_id()
    opened = incidents.Opened(ref="ABC123X", type="flood", priority=Priority.NORMAL, level=Level.WATCH)
    hold = records.HoldPlaced(ground="court_case")
    await put_incident(hub, new_id(), opened, hold)  # before the exercise: none of its
    id = new_id()
    await desk.by("kari").accepted(begin(id, "4601"), mode=MODE)
    await put_incident(hub, held, opened)
    await desk.by("kari").accepted(exercise.End(exercise=id), mode=MODE)
    wanted = exercise.Discard(exercise=id, order=order, where=["4601"], law="arkivlova-15")
    await desk.by("liv").accepted(wanted, mode=MODE)
    await put_incident(hub, held, hold)
    approval = exercise.ApproveDiscard(exercise=id, order=order)
    assert await desk.by("ingrid").refused(approval, mode=MODE) == "EXERCISE_HELD"
    await put_incident(hub, held, records.HoldLifted())
    await desk.by("ingrid").accepted(approval, mode=MODE)


async def test_who_has_no_say_over_an_exercise_sees_no_order_of_it(hub: Office) -> None:
    desk, order = await hub.caller(VAKT), new_id()
    id = await ended(desk, "4601")
    await desk.by("liv").accepted(
        exercise.Discard(exercise=id, order=order, where=["4601"], law="arkivlova-15"), mode=MODE
    )
    (run,) = (await desk.by("jon").ask("exercise", "list", MODE)).get("exercises", [{"orders": []}])
    assert run["orders"] == []
    neighbour = await hub.caller("4624.main", "nina")
    assert (await neighbour.ask("exercise", "list", MODE))["exercises"] == []
