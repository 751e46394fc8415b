"""What the centre file proposes is born once, and is in force when two persons have said so."""

from collections.abc import AsyncIterator

import pytest

from schemas import records
from schemas.envelope import Accepted, Actor, Answer, Refused
from schemas.identifiers import new_id
from schemas.vocabulary import Authentication
from services.runtime import names
from tests.hub import Hub
from tests.incidents.centre import BARN, VAKT, Centre, Sender, open_centre


@pytest.fixture
async def centre(broker: Hub) -> AsyncIterator[Centre]:
    async with open_centre(broker) as opened:
        yield opened


async def authority(centre: Centre, organisation: str = "4601") -> Sender:
    """Who applies the centre file."""
    nc = await centre.hub.connect(names.CENTRE)
    centre.stack.push_async_callback(nc.close)
    actor = Actor(
        machine="centre",
        organisation=organisation,
        watch="centre",
        via="cli",
        authentication=Authentication.SERVICE,
    )
    return Sender(nc, actor)


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refused) else answer.status


@pytest.mark.parametrize("of", ["words", "deliveries"])
async def test_a_proposal_waits_for_an_archive_owner_and_another_person(centre: Centre, of: str) -> None:
    file, order, command = await authority(centre), new_id(), new_id()
    said = {"order": order, "where": "4601", "days": 365, "law": "gdpr-5-1-e"}
    request = records.OrderRetention(**said) if of == "words" else records.OrderDeliveryTerm(**said)  # type: ignore[arg-type]
    first = await file.send(request, id=command)
    assert isinstance(first, Accepted)
    owner, officer = await centre.person("arkiv", VAKT), await centre.person("vern", VAKT)
    adopt, approve = records.AdoptRetention(order=order), records.ApproveRetention(order=order)
    assert code(await officer.send(approve)) == "ORDER_PROPOSED"
    assert code(await officer.send(adopt)) == "NOT_ALLOWED"
    assert code(await file.send(adopt)) == "PERSON_NEEDED"
    assert code(await owner.send(adopt)) == "accepted"
    assert code(await owner.send(approve)) == "SECOND_PERSON_NEEDED"
    assert code(await officer.send(approve)) == "accepted"
    assert await file.send(request, id=command, resend=True) == first, (
        "the file applied again changes nothing"
    )
    names_of = [one.body.name for one in await centre.facts(order)]
    proposed = "retention_ordered" if of == "words" else "delivery_term_ordered"
    assert names_of == [proposed, "retention_adopted", "retention_approved"]


async def test_the_file_proposes_for_no_other_house_and_a_hidden_watch_decides_for_itself(
    centre: Centre,
) -> None:
    said = {"days": 365, "law": "gdpr-5-1-e"}
    request = records.OrderRetention(order=new_id(), where="4624", **said)  # type: ignore[arg-type]
    assert code(await (await authority(centre)).send(request)) == "NOT_ALLOWED"
    hidden = records.OrderRetention(order=new_id(), where=BARN, **said)  # type: ignore[arg-type]
    assert code(await (await authority(centre)).send(hidden)) == "accepted"
    owner = await centre.person("arkiv", VAKT)
    assert code(await owner.send(records.AdoptRetention(order=hidden.order))) == "UNKNOWN_ORDER"
