"""What the broker holds after provisioning, and what provisioning refuses."""

from dataclasses import replace

import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from services.runtime import names, provisioner
from services.runtime.provisioner import Change, WouldNarrow, reconcile
from services.runtime.streams import Plan, plan
from tests.hub import STREAM_BYTES, Hub

WANTED = {stream.name: stream for stream in plan(10**10).streams}
LEDGER = WANTED["LEDGER_ACTUAL"]


async def stream(hub: Hub, name: str) -> StreamConfig:
    nc = await hub.connect("provisioner")
    info = await nc.jetstream().stream_info(name)
    await nc.close()
    return info.config


async def change(hub: Hub, name: str, **fields: object) -> None:
    nc = await hub.connect("provisioner")
    js = nc.jetstream()
    await js.update_stream((await js.stream_info(name)).config.evolve(**fields))
    await nc.close()


async def test_provisioning_again_changes_nothing(fresh_broker: Hub) -> None:
    assert await provisioner.provision(fresh_broker.settings) == []


async def test_a_ledger_keeps_everything_for_ever(fresh_broker: Hub) -> None:
    for name in names.ledgers():
        ledger = await stream(fresh_broker, name)
        assert ledger.discard == DiscardPolicy.NEW
        assert ledger.deny_delete
        assert ledger.deny_purge
        assert (ledger.max_age, ledger.max_msgs, ledger.max_msgs_per_subject) == (0, -1, -1)
        assert ledger.duplicate_window == 3600
        assert not ledger.allow_msg_ttl
        assert not ledger.allow_rollup_hdrs
        assert ledger.persist_mode is None


async def test_what_streams_reserve_together_fits_the_disk(fresh_broker: Hub) -> None:
    reserved = [(await stream(fresh_broker, str(name))).max_bytes or 0 for name in WANTED]
    assert sum(size for size in reserved if size > 0) < STREAM_BYTES
    assert sum(one.max_bytes or 0 for one in WANTED.values() if (one.max_bytes or 0) > 0) < 10**10


async def test_timers_have_no_limit_that_would_drop_them(fresh_broker: Hub) -> None:
    timers = await stream(fresh_broker, names.TIMERS)
    assert (timers.max_age, timers.max_bytes, timers.max_msgs) == (0, -1, -1)
    assert timers.allow_msg_schedules
    assert timers.allow_msg_ttl


async def test_the_reactions_to_timers_have_their_durable(fresh_broker: Hub) -> None:
    nc = await fresh_broker.connect("provisioner")
    info = await nc.jetstream().consumer_info(names.TIMERS, names.NOTIFICATIONS_DURABLE)
    assert info.config.max_deliver == -1
    await nc.close()


async def test_a_stream_that_someone_narrowed_is_widened_again(fresh_broker: Hub) -> None:
    await change(fresh_broker, names.TIMERS, max_age=3600.0)
    assert await provisioner.provision(fresh_broker.settings) == [Change("widened", names.TIMERS)]
    assert (await stream(fresh_broker, names.TIMERS)).max_age == 0


async def test_a_ledger_on_a_much_larger_disk_gets_more_room_and_never_less(fresh_broker: Hub) -> None:
    settings = fresh_broker.settings
    before = (await stream(fresh_broker, "LEDGER_ACTUAL")).max_bytes or 0
    smaller = settings.model_copy(update={"stream_bytes": STREAM_BYTES // 2})
    assert await provisioner.provision(smaller) == []
    larger = settings.model_copy(update={"stream_bytes": STREAM_BYTES * 2})
    assert Change("widened", "LEDGER_ACTUAL") in await provisioner.provision(larger)
    assert ((await stream(fresh_broker, "LEDGER_ACTUAL")).max_bytes or 0) > before * 1.9


async def test_a_plan_that_would_narrow_a_ledger_changes_nothing_at_all(fresh_broker: Hub) -> None:
    made = plan(STREAM_BYTES)
    aged = Plan(tuple(replace(one, max_age=60.0) for one in made.streams), made.durables)
    before = [await stream(fresh_broker, str(name)) for name in WANTED]
    nc = await fresh_broker.connect("provisioner")
    with pytest.raises(WouldNarrow):
        await provisioner.apply(nc, aged)
    await nc.close()
    assert [await stream(fresh_broker, str(name)) for name in WANTED] == before


@pytest.mark.parametrize(
    "fields",
    [
        {"max_age": 1.0},
        {"max_msgs": 1},
        {"max_msgs_per_subject": 1},
        {"max_msg_size": 1000},
        {"discard": DiscardPolicy.OLD},
        {"deny_delete": False},
        {"deny_purge": False},
        {"subjects": ["samvirke.actual.4601.>"]},
    ],
)
def test_each_way_to_narrow_a_ledger_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(WouldNarrow) as refusal:
        reconcile(LEDGER, LEDGER.evolve(**fields))
    assert refusal.value.field in fields


def test_what_may_be_widened_is_widened() -> None:
    narrow = LEDGER.evolve(max_age=60.0, duplicate_window=60.0, deny_purge=False, allow_direct=False)
    assert reconcile(narrow, LEDGER) == LEDGER


def test_the_actual_mode_gets_most_of_the_room() -> None:
    assert (LEDGER.max_bytes or 0) > 3 * (WANTED["LEDGER_EXERCISE"].max_bytes or 0)
