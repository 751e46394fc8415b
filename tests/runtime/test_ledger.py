"""How a fact is born: once, content first, whatever is sent again, raced or lost on the way."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.msg import Msg

from schemas import subjects
from schemas.canonical import commitment, digest, seal, unseal
from schemas.identifiers import new_id
from schemas.vocabulary import ContentClass, Level
from services.runtime import names
from services.runtime.appender import (
    BATCH_FROM,
    SINGLES_IN_FLIGHT,
    Appender,
    Conflict,
    Outgoing,
    Unreachable,
)
from services.runtime.epochs import BEHIND
from services.runtime.ledger import IdTaken, Ledger
from tests.hub import Hub
from tests.ledgers import MODE, SENDER, empty_archive, open_ledger, opening, shorten_memory


@pytest.fixture
async def ledger(broker: Hub) -> AsyncIterator[Ledger]:
    async with empty_archive(broker), open_ledger(broker) as opened:
        yield opened


async def test_a_fact_lies_in_the_ledger_with_what_its_content_hashes_to(ledger: Ledger) -> None:
    draft = opening()
    recorded = await ledger.append(draft)
    (stored,) = await ledger.history(MODE, draft.place.id)
    sealed = await ledger.sealed_content(MODE, draft.place, draft.id)
    assert sealed is not None
    assert recorded.fresh
    assert stored.fact == recorded.fact
    assert stored.fact.data.commitment == commitment(sealed)
    assert unseal(sealed) == {"headline": "Røyk"}


async def test_the_same_draft_again_is_one_fact(ledger: Ledger) -> None:
    draft = opening()
    first = await ledger.append(draft)
    for resend in (False, True):
        again = await ledger.append(draft, resend=resend)
        assert (again.fact, again.sequence, again.fresh) == (first.fact, first.sequence, False)
    assert len(await ledger.history(MODE, draft.place.id)) == 1


async def test_the_same_unguarded_draft_again_is_one_fact(ledger: Ledger) -> None:
    draft = opening(guard=None)
    first = await ledger.append(draft)
    again = await ledger.append(draft)
    assert (again.sequence, again.fresh) == (first.sequence, False)


async def test_the_same_draft_twice_at_once_is_one_fact(ledger: Ledger) -> None:
    draft = opening()
    one, other = await asyncio.gather(ledger.append(draft), ledger.append(draft))
    assert one.sequence == other.sequence
    assert one.fact == other.fact


@pytest.mark.parametrize("resend", [False, True])
async def test_an_id_stands_for_its_first_words_only(ledger: Ledger, resend: bool) -> None:
    draft = opening()
    await ledger.append(draft)
    with pytest.raises(IdTaken):
        await ledger.append(replace(draft, content={"headline": "Brann"}), resend=resend)
    with pytest.raises(IdTaken):
        await ledger.append(replace(draft, content=None), resend=resend)


async def test_an_id_stands_for_its_first_sender_only(ledger: Ledger) -> None:
    draft = opening(content=None)
    await ledger.append(draft)
    stranger = SENDER.model_copy(update={"watch": "barnevern"})
    with pytest.raises(IdTaken):
        await ledger.append(replace(draft, actor=stranger), resend=True)


async def test_of_two_that_race_for_the_same_place_in_a_log_one_wins(ledger: Ledger) -> None:
    first = await ledger.append(opening())
    guard = subjects.facts_of(MODE, first.fact.subject, "4601", "vaktsentral")
    racing = [opening(first.fact.subject, guard=guard, expected=first.sequence) for _ in range(5)]
    outcomes = await asyncio.gather(*(ledger.append(draft) for draft in racing), return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
    assert len(await ledger.history(MODE, first.fact.subject)) == 2


async def test_a_fact_may_be_guarded_by_what_is_said_of_others(ledger: Ledger) -> None:
    guard = subjects.facts_of_trade(MODE, "incidents", "opened")
    first = await ledger.append(opening())
    second = await ledger.append(opening(guard=guard, expected=first.sequence))
    with pytest.raises(Conflict):
        await ledger.append(opening(guard=guard, expected=first.sequence))
    await ledger.append(opening(guard=guard, expected=second.sequence))


async def test_what_is_in_hand_when_facts_turn_out_to_be_missing_is_not_stored(ledger: Ledger) -> None:
    draft = opening()
    ledger.gates[MODE].reason = BEHIND
    with pytest.raises(Unreachable):
        await ledger.append(draft)
    ledger.gates[MODE].reason = None
    assert await ledger.history(MODE, draft.place.id) == []
    assert (await ledger.append(draft)).fresh


async def test_messages_are_stored_one_by_one_when_the_answer_to_a_batch_makes_no_sense(
    fresh_broker: Hub,
) -> None:
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    ask, answers = nc.request, [b"?"]

    async def garble_once(subject: str, payload: bytes = b"", **more: Any) -> Msg:
        reply = await ask(subject, payload, **more)
        if "Nats-Batch-Commit" in (more.get("headers") or {}) and answers:
            reply.data = answers.pop()
        return reply

    nc.request = garble_once  # type: ignore[assignment]
    appender, about = Appender(nc), new_id()
    wanted = [
        Outgoing(subjects.fact(MODE, "4601", "vaktsentral", "incidents", about, "opened"), b"{}", new_id())
        for _ in range(BATCH_FROM + SINGLES_IN_FLIGHT)
    ]
    async with asyncio.timeout(10):
        acks = await asyncio.gather(*(appender.append(outgoing) for outgoing in wanted))
    assert answers == []
    assert len({ack.sequence for ack in acks}) == len(wanted)
    await nc.close()


async def test_while_one_batch_is_out_the_next_one_grows(broker: Hub) -> None:
    nc = await broker.connect(names.INCIDENTS_LEDGER)
    ask, out, sizes = nc.request, 0, list[int]()

    async def watched(subject: str, payload: bytes = b"", *args: Any, **more: Any) -> Msg:
        nonlocal out
        headers = more.get("headers") or {}
        if "Nats-Batch-Commit" not in headers:
            return await ask(subject, payload, *args, **more)
        assert out == 0
        out += 1
        try:
            return await ask(subject, payload, *args, **more)
        finally:
            out -= 1
            sizes.append(int(headers["Nats-Batch-Sequence"]))

    nc.request = watched  # type: ignore[method-assign]
    appender, about = Appender(nc), new_id()
    subject = subjects.fact(MODE, "4601", "vaktsentral", "incidents", about, "opened")
    wanted = [Outgoing(subject, b"{}", new_id()) for _ in range(400)]
    acks = await asyncio.gather(*(appender.append(outgoing) for outgoing in wanted))
    assert len({ack.sequence for ack in acks}) == len(wanted)
    assert sum(sizes) >= len(wanted) - SINGLES_IN_FLIGHT
    assert max(sizes) > BATCH_FROM
    await nc.close()


async def test_many_at_once_are_all_stored_once(ledger: Ledger) -> None:
    drafts = [opening() for _ in range(300)]
    recorded = await asyncio.gather(*(ledger.append(draft) for draft in [*drafts, *drafts[:20]]))
    assert len({one.sequence for one in recorded}) == 300
    assert {one.fact.id for one in recorded} == {draft.id for draft in drafts}
    for draft, one in zip(drafts, recorded, strict=False):
        stored = await ledger.at(MODE, one.sequence)
        assert stored is not None
        assert stored.fact.id == draft.id


async def test_a_conflict_among_many_leaves_the_others_in_peace(ledger: Ledger) -> None:
    taken = await ledger.append(opening())
    drafts = [opening() for _ in range(60)]
    drafts[30] = opening(taken.fact.subject)
    outcomes = await asyncio.gather(*(ledger.append(draft) for draft in drafts), return_exceptions=True)
    assert [place for place, one in enumerate(outcomes) if isinstance(one, BaseException)] == [30]


async def test_recorded_at_never_goes_back_in_a_log(ledger: Ledger) -> None:
    first = await ledger.append(opening())
    ahead = first.fact.time.replace(year=first.fact.time.year + 1)
    later = await ledger.append(opening(first.fact.subject, guard=None, not_before=ahead))
    assert later.fact.time == ahead


async def test_raised_content_is_the_same_bytes_in_another_class(ledger: Ledger) -> None:
    draft = opening()
    recorded = await ledger.append(draft)
    for _ in range(2):
        assert await ledger.copy_content(MODE, draft.place, draft.id) == recorded.fact.data.commitment
    for sort in ContentClass:
        kept = await ledger.sealed_content(MODE, draft.place, draft.id, (sort,))
        assert kept is not None
        assert commitment(kept) == recorded.fact.data.commitment


async def test_wide_content_is_kept_in_the_class_that_feeds_may_read(ledger: Ledger) -> None:
    draft = opening(level=Level.REGION)
    await ledger.append(draft)
    assert await ledger.sealed_content(MODE, draft.place, draft.id, (ContentClass.WATCH,)) is None
    assert await ledger.sealed_content(MODE, draft.place, draft.id, (ContentClass.SHARED,)) is not None


async def test_a_copy_of_the_content_is_absent_where_there_is_none(ledger: Ledger) -> None:
    draft = opening(content=None)
    await ledger.append(draft)
    assert await ledger.copy_content(MODE, draft.place, draft.id) is None


async def test_a_repeated_draft_is_known_after_the_broker_has_forgotten_its_id(fresh_broker: Hub) -> None:
    await shorten_memory(fresh_broker)
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        guarded, entry = opening(), opening(guard=None)
        first = [await ledger.append(guarded), await ledger.append(entry)]
        await asyncio.sleep(0.5)
        again = [await ledger.append(guarded, resend=True), await ledger.append(entry, resend=True)]
        assert [one.sequence for one in again] == [one.sequence for one in first]
        for draft in (guarded, entry):
            with pytest.raises(IdTaken):
                await ledger.append(replace(draft, content={"headline": "Annet"}), resend=True)


async def test_an_old_id_is_looked_for_without_being_marked_as_sent_before(fresh_broker: Hub) -> None:
    await shorten_memory(fresh_broker)
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        draft = opening(guard=None)
        old = replace(draft, id="paper-1", command="paper-1")
        first = await ledger.append(old)
        await asyncio.sleep(0.5)
        assert (await ledger.append(old)).sequence == first.sequence


async def test_content_that_lost_its_fact_to_a_crash_is_used_again(fresh_broker: Hub) -> None:
    await shorten_memory(fresh_broker)
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        draft = opening()
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        subject = subjects.content(MODE, "4601", "vaktsentral", ContentClass.WATCH, draft.id)
        sealed = seal({"headline": "Røyk"})
        await nc.request(subject, sealed, headers={"Nats-Msg-Id": draft.id})
        await nc.close()
        await asyncio.sleep(0.5)
        recorded = await ledger.append(draft, resend=True)
        assert recorded.fact.data.commitment == digest(sealed)


async def test_a_fact_whose_answer_is_late_is_stored_once(fresh_broker: Hub) -> None:
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        pid = fresh_broker.broker.pid
        assert pid is not None
        drafts = [opening() for _ in range(40)]
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.gather(*(ledger.append(draft) for draft in drafts))
        await asyncio.sleep(5)
        os.kill(pid, signal.SIGCONT)
        recorded = await waiting
        assert len({one.sequence for one in recorded}) == 40
        for draft in drafts:
            assert len(await ledger.history(MODE, draft.place.id)) == 1


async def test_what_was_said_to_be_stored_outlives_a_kill_of_the_broker(fresh_broker: Hub) -> None:
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        said = await asyncio.gather(*(ledger.append(opening()) for _ in range(50)))
        pid = fresh_broker.broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        more = asyncio.create_task(ledger.append(opening(new_id())))
        await fresh_broker.broker.stop()
        await fresh_broker.broker.start()
        said.append(await more)
        for one in said:
            found = await ledger.at(MODE, one.sequence)
            assert found is not None
            assert found.fact == one.fact
