"""Commands about two incidents on a real broker: once, in one place, and seen by the next command."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas import incidents, relations, subjects
from schemas.canonical import unseal
from schemas.envelope import Accepted, Answer, Refused, Request
from schemas.identifiers import new_id
from schemas.vocabulary import ContentClass, IncidentState, Level, Tag
from tests.hub import Hub
from tests.incidents.centre import BARN, NEIGHBOUR, VAKT, Centre, Sender, open_centre

SAID = {"headline": "Ras over veien"}


@pytest.fixture
async def centre(broker: Hub) -> AsyncIterator[Centre]:
    async with open_centre(broker) as opened:
        yield opened


@pytest.fixture
async def kari(centre: Centre) -> Sender:
    return await centre.person("kari", VAKT)


@pytest.fixture
async def nora(centre: Centre) -> Sender:
    return await centre.person("nora", NEIGHBOUR)


async def opened(sender: Sender, **more: object) -> Accepted:
    request = incidents.OpenIncident.model_validate({"incident": new_id(), "type": "landslide", **more})
    return taken(await sender.send(request, SAID))


async def shared(sender: Sender, with_: str) -> Accepted:
    return await opened(sender, level=Level.NAMED, named=[with_])


def taken(answer: Answer) -> Accepted:
    assert isinstance(answer, Accepted), answer
    return answer


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refused) else answer.status


async def do(sender: Sender, request: Request, content: dict[str, str] | None = None) -> Accepted:
    return taken(await sender.send(request, content))


async def test_a_merged_incident_goes_on_as_the_other_until_it_is_unmerged(
    centre: Centre, kari: Sender
) -> None:
    double, whole = await opened(kari), await opened(kari)
    request, id = relations.MergeIncident(ref=double.ref, other_ref=whole.ref), new_id()
    merged = taken(await kari.send(request, id=id))
    assert merged.result == {"merged_into": whole.ref}
    assert await kari.send(request, id=id, resend=True) == merged
    entry = await do(kari, incidents.AddEntry(ref=double.ref), SAID)
    assert (entry.ref, entry.result) == (double.ref, {"merged_into": whole.ref})
    closed = await do(kari, incidents.CloseIncident(ref=double.ref))
    assert (closed.subject, closed.result) == (whole.subject, {"merged_into": whole.ref})
    state = await kari.send(incidents.ChangeState(ref=double.ref, state=IncidentState.IN_PROGRESS))
    assert taken(state).ref == whole.ref
    again = relations.MergeIncident(ref=double.ref, other_ref=whole.ref)
    assert code(await kari.send(again)) == "ALREADY_MERGED"
    await do(kari, relations.UnmergeIncident(ref=double.ref))
    facts = [one.fact.type.split(".")[2] for one in await centre.facts(double.subject)]
    assert facts == ["opened", "merged", "entry_added", "unmerged"]
    own = await do(kari, incidents.CloseIncident(ref=double.ref))
    assert (own.subject, own.result) == (double.subject, {})


async def test_two_who_tie_at_once_never_make_a_ring(kari: Sender) -> None:
    one, other = await opened(kari), await opened(kari)
    answers = await asyncio.gather(
        kari.send(relations.SetParent(ref=one.ref, other_ref=other.ref)),
        kari.send(relations.SetParent(ref=other.ref, other_ref=one.ref)),
    )
    assert sorted(map(code, answers)) == ["CIRCULAR_PARENTS", "accepted"]
    third, fourth = await opened(kari), await opened(kari)
    answers = await asyncio.gather(
        kari.send(relations.MergeIncident(ref=third.ref, other_ref=fourth.ref)),
        kari.send(relations.MergeIncident(ref=fourth.ref, other_ref=third.ref)),
    )
    assert sorted(map(code, answers)) == ["TIED_TO_ITSELF", "accepted"]


async def test_a_tie_that_is_sent_again_is_found_in_whichever_log_it_lies(
    centre: Centre, kari: Sender, nora: Sender
) -> None:
    parent, child = await opened(kari), await opened(nora, level=Level.NAMED, named=["4601"])
    for request in (
        relations.SetParent(ref=child.ref, other_ref=parent.ref),
        relations.SetParent(ref=child.ref),
        relations.LinkIncidents(ref=child.ref, other_ref=parent.ref),
        relations.UnlinkIncidents(ref=parent.ref, other_ref=child.ref),
    ):
        id = new_id()
        first = await kari.send(request, id=id)
        assert taken(first) == await kari.send(request, id=id, resend=True)
    facts = [one.fact.type.split(".")[2] for one in await centre.facts(parent.subject)]
    assert facts == ["opened", "parent_set", "parent_set", "linked", "unlinked"]
    assert len(await centre.facts(child.subject)) == 1


async def test_closing_a_parent_names_its_open_children_but_none_that_the_closer_may_not_see(
    centre: Centre, kari: Sender
) -> None:
    barn = await centre.person("kari", BARN)
    parent, child = await opened(kari, level=Level.ORGANISATION), await opened(kari)
    secret, done = await opened(barn, tags=[Tag.CHILD]), await opened(kari)
    for sender, one in ((kari, child), (barn, secret), (kari, done)):
        await do(sender, relations.SetParent(ref=one.ref, other_ref=parent.ref))
    await do(kari, incidents.CloseIncident(ref=done.ref))
    assert len(await centre.facts(parent.subject)) == 1
    closed = await do(kari, incidents.CloseIncident(ref=parent.ref))
    assert closed.result == {"open_children": [child.ref]}


async def test_responsibility_moves_only_when_the_other_watch_takes_it(
    centre: Centre, kari: Sender, nora: Sender
) -> None:
    one = await opened(kari)
    ask, id = relations.AskTransfer(ref=one.ref, to=NEIGHBOUR), new_id()
    asked = taken(await kari.send(ask, {"text": "Raset ligger hos dere"}, id=id))
    assert taken(await kari.send(ask, {"text": "Raset ligger hos dere"}, id=id, resend=True)) == asked
    facts = [one.fact.type.split(".")[2] for one in await centre.facts(one.subject)]
    assert facts == ["opened", "shared", "transfer_asked"]
    closing = incidents.CloseIncident(ref=one.ref)
    assert code(await nora.send(closing)) == "NOT_ALLOWED"
    assert code(await kari.send(ask)) == "TRANSFER_WAITS"
    assert code(await nora.send(relations.AnswerTransfer(ref=one.ref, accept=False))) == "CONTENT_NEEDED"
    await do(nora, relations.AnswerTransfer(ref=one.ref, accept=False), {"text": "Utenfor vår grense"})
    assert code(await nora.send(closing)) == "NOT_ALLOWED"
    await do(kari, ask)
    await do(kari, relations.WithdrawTransfer(ref=one.ref))
    assert code(await nora.send(relations.AnswerTransfer(ref=one.ref, accept=True))) == "NO_TRANSFER"
    await do(kari, ask)
    await do(nora, relations.AnswerTransfer(ref=one.ref, accept=True))
    assert code(await kari.send(closing)) == "NOT_ALLOWED"
    await do(nora, closing)


async def test_the_glass_is_broken_by_a_leader_for_a_named_watch_and_a_time(
    centre: Centre, nora: Sender
) -> None:
    lene = await centre.person("lene", VAKT)
    one = await opened(lene, tags=[Tag.PERSON])
    until = datetime.now(UTC) + timedelta(hours=2)
    ask = relations.BreakGlass(ref=one.ref, entry="head", to=NEIGHBOUR, ground="hpl-31", until=until)
    why = {"text": "Fare for liv"}
    kari = await centre.person("kari", VAKT)
    assert code(await kari.send(ask, why)) == "NOT_ALLOWED"
    assert code(await lene.send(ask)) == "CONTENT_NEEDED"
    late = ask.model_copy(update={"until": until + timedelta(days=7)})
    assert code(await lene.send(late, why)) == "BAD_PERIOD"
    await do(lene, ask, why)
    assert code(await lene.send(ask, why)) == "SEES_ALREADY"
    mark = taken(await nora.send(incidents.AddEntry(ref=one.ref), SAID)).result
    assert mark == {}


async def test_who_is_let_see_an_incident_later_gets_the_newest_word_of_where_it_is(
    centre: Centre, kari: Sender
) -> None:
    one = await opened(kari)
    for place in ("Arna stasjon", "Trengereid"):
        await do(kari, relations.ChangePlace(ref=one.ref), {"place": place})
    await do(kari, incidents.ShareWider(ref=one.ref, level=Level.NAMED, named=["4624"]))
    (*_, newest, _, raised) = await centre.facts(one.subject)
    assert raised.body.entry == newest.fact.id
    lies = subjects.parse_place(newest.subject)
    assert lies is not None
    found = await centre.ledger.sealed_content("exercise", lies, newest.fact.id, [ContentClass.SHARED])
    assert found is not None
    assert unseal(found) == {"place": "Trengereid"}
