"""What a watch's credential of an exercise may do, tried at a real broker against every subject and mode."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from schemas import subjects
from services.runtime import accounts, names, watches
from services.runtime.connect import BrokerRefused, connect
from tests.hub import WATCHES, Hub
from tests.system.test_permissions import SNIFFS, probes, refused

pytestmark = pytest.mark.system
ONE, TWO = "01a2-one", "01a2-two"
MINE = [("4601", "vaktsentral"), ("4624", "main")]
MAY_PUBLISH = {
    names.exercise_user(ONE, "4601", "vaktsentral"): (
        "samvirke.cmd.exercise.4601.vaktsentral.",
        "samvirke.query.exercise.4601.vaktsentral.",
    ),
    names.exercise_user(ONE, "4624", "main"): (
        "samvirke.cmd.exercise.4624.main.",
        "samvirke.query.exercise.4624.main.",
    ),
    names.exercise_user(ONE, "4601", "feed"): ("samvirke.feed.exercise.4601.next",),
    names.exercise_user(ONE, "4624", "feed"): ("samvirke.feed.exercise.4624.next",),
}
"""Every user of the exercise, and how the subjects begin that it may publish."""
MAY_HEAR = {
    names.exercise_user(ONE, org, "feed"): f"samvirke.feed.exercise.{org}.items" for org in ("4601", "4624")
}


async def admit(hub: Hub, *exercises: str) -> None:
    for one in exercises:
        watches.admit_exercise(hub.settings, one, MINE)
    await hub.broker.reload(watches.accounts_text(hub.settings, WATCHES))


def test_the_users_of_an_exercise_are_its_watches_and_a_feed_for_each_organisation() -> None:
    fresh = set(accounts.users(WATCHES, {ONE: MINE})) - set(accounts.users(WATCHES))
    assert fresh == set(MAY_PUBLISH)


async def test_no_user_of_an_exercise_may_publish_more_or_less_than_is_written_here(
    fresh_broker: Hub,
) -> None:
    await admit(fresh_broker, ONE)
    tried, wrong = probes(), []
    for user, beginnings in MAY_PUBLISH.items():
        denied = await refused(fresh_broker, user, publish=tried, subscribe=[])
        wrong += [(user, one) for one in tried if (one not in denied) != one.startswith(beginnings)]
        assert [one for one in tried if one not in denied and "actual" in one] == []
    assert wrong == []


async def test_no_user_of_an_exercise_hears_anything_but_its_own_inbox_and_feed(fresh_broker: Hub) -> None:
    await admit(fresh_broker, ONE)
    tried, wrong = [subject for subject in probes() if "$JS.API" not in subject], []
    for user in MAY_PUBLISH:
        denied = await refused(fresh_broker, user, publish=[], subscribe=[*SNIFFS, *tried])
        wrong += [
            (user, one)
            for one in tried
            if (one not in denied) != (one == MAY_HEAR.get(user, f"_INBOX.{user}.x.y"))
        ]
        wrong += [(user, one) for one in SNIFFS if one not in denied]
    assert wrong == []


@asynccontextmanager
async def answering(hub: Hub, user: str, subject: str) -> AsyncIterator[list[str]]:
    """A service of the hub that answers; the subjects that reached it."""
    heard: list[str] = []

    async def answer(message: Msg) -> None:
        heard.append(message.subject)
        await message.respond(b"{}")

    nc = await hub.connect(user)
    await nc.subscribe(subject, cb=answer)
    await nc.flush()
    try:
        yield heard
    finally:
        await nc.close()


async def test_a_question_reaches_the_hub_in_the_exercise_and_never_what_is_actual(fresh_broker: Hub) -> None:
    await admit(fresh_broker, ONE)
    user = names.exercise_user(ONE, "4601", "vaktsentral")
    async with answering(fresh_broker, "incidents-archive", "samvirke.query.*.*.*.incidents.*") as heard:
        nc = await connect(fresh_broker.settings, user)
        asked = {
            mode: subjects.query(mode, "4601", "vaktsentral", "incidents", "get") for mode in names.MODES
        }
        await nc.request(asked["exercise"], b"{}", timeout=2)
        with pytest.raises((NatsError, TimeoutError)):
            await nc.request(asked["actual"], b"{}", timeout=0.5)
        await nc.close()
    assert heard == [asked["exercise"]]


async def heard_by(hub: Hub, user: str, org: str, mode: str, say: Callable[[], Awaitable[None]]) -> set[str]:
    """What a neighbour hears; it is said again, since a copy may pass by who has only just subscribed."""
    found: set[str] = set()

    async def hear(message: Msg) -> None:
        found.add(message.subject)

    nc = await hub.connect(user)
    await nc.subscribe(subjects.feed(mode, org, "items"), cb=hear)
    await nc.flush()
    for _ in range(4):
        await say()
        await asyncio.sleep(0.1)
    await nc.close()
    return found


async def test_an_item_of_an_exercise_never_reaches_who_asked_for_what_is_actual_only(
    fresh_broker: Hub,
) -> None:
    await admit(fresh_broker, ONE)
    feeds: Client = await fresh_broker.connect("feeds")

    async def say() -> None:
        for mode in names.MODES:
            await feeds.publish(subjects.feed(mode, "4624", "items"), b"{}")
        await feeds.flush()

    exercise, actual = (subjects.feed(mode, "4624", "items") for mode in ("exercise", "actual"))
    user = names.exercise_user(ONE, "4624", "feed")
    try:
        assert await heard_by(fresh_broker, user, "4624", "exercise", say) == {exercise}
        assert await heard_by(fresh_broker, user, "4624", "actual", say) == set()
        assert await heard_by(fresh_broker, "4624.feed", "4624", "actual", say) == {actual}
    finally:
        await feeds.close()


async def test_the_credentials_of_an_exercise_end_with_it_and_those_of_another_stay(
    fresh_broker: Hub,
) -> None:
    await admit(fresh_broker, ONE, TWO)
    for one in (ONE, TWO):
        nc = await connect(fresh_broker.settings, names.exercise_user(one, "4601", "vaktsentral"))
        await nc.close()
    user = names.exercise_user(ONE, "4601", "vaktsentral")
    seed = (fresh_broker.settings.credentials / f"{user}.nk").read_bytes()
    watches.dismiss_exercise(fresh_broker.settings, ONE)
    await fresh_broker.broker.reload(watches.accounts_text(fresh_broker.settings, WATCHES))
    assert not list(fresh_broker.settings.credentials.glob(f"exercise.{ONE}.*"))
    (fresh_broker.settings.credentials / f"{user}.nk").write_bytes(seed)
    with pytest.raises(BrokerRefused):
        await connect(fresh_broker.settings, user, patience_s=5)
    nc = await connect(fresh_broker.settings, names.exercise_user(TWO, "4601", "vaktsentral"))
    await nc.close()
