"""What each user may do, tried at a real broker: every user against every subject and every verb."""

import asyncio
import fnmatch
import itertools
from collections.abc import Iterator

import pytest

from services.runtime import accounts, names
from services.runtime.connect import connect
from tests.hub import WATCHES, Hub

pytestmark = pytest.mark.system

MODES = ("actual", "exercise")
ORGANISATIONS = ("4601", "4624", "110-vest")
ROOMS = ("people", "incidents", "watch", "notifications", "reports", "feeds", "intake")
TRADES = ("people", "incidents", "watch", "notifications", "reports", "feeds", "warnings", "exercise")
FILE_STREAMS = names.all_objects()
STREAMS = (*names.ledgers(), *names.contents(), *FILE_STREAMS, "TIMERS", "PARKED", "STATE", "KV_PEOPLE")
CONSUMERS = ("evil", "notifications", "incidents-archive", "incidents-archive-e", "feeds", "desk-a")
STREAM_VERBS = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "PURGE",
    "INFO",
    "MSG.GET",
    "MSG.DELETE",
    "SNAPSHOT",
    "RESTORE",
    "LEADER.STEPDOWN",
    "PEER.REMOVE",
]
CONSUMER_VERBS = [
    "CREATE",
    "DURABLE.CREATE",
    "DELETE",
    "INFO",
    "MSG.NEXT",
    "PAUSE",
    "RESET",
    "UNPIN",
    "LEADER.STEPDOWN",
]

SENTINEL = "no.user.may.do.this"
"""Tried last: when the broker has refused it, it has judged all before it."""

SNIFFS = (
    ">",
    "*.>",
    "samvirke.>",
    "_INBOX.>",
    "_INBOX.*.*.*",
    "_R_.>",
    "$JS.>",
    "$JS.API.>",
    "$SYS.>",
    "$KV.>",
)


def probes() -> list[str]:
    """Concrete subjects of every kind that the hub or the broker knows."""
    found = itertools.chain(hub_probes(), asking_probes(), *(stream_probes(stream) for stream in STREAMS))
    inboxes = (f"_INBOX.{user}.x.y" for user in (*accounts.users(WATCHES), "4601", "any"))
    server = (
        "$JS.API.INFO $JS.API.STREAM.NAMES $JS.API.STREAM.LIST $JS.API.ACCOUNT.PURGE.HUB _R_.abc.def "
        "$SYS.REQ.SERVER.PING.JSZ $SYS.REQ.SERVER.PING.VARZ $SYS.REQ.SERVER.PING $SYS.REQ.SERVER.X.RELOAD "
        "$SYS.REQ.ACCOUNT.HUB.CONNZ samvirke.state.broker $KV.PEOPLE.person $SRV.PING"
    )
    return list(dict.fromkeys([*found, *inboxes, *server.split()]))


def hub_probes() -> Iterator[str]:
    for mode in MODES:
        yield from (f"samvirke.{mode}.4601.vaktsentral.{trade}.id.fact" for trade in TRADES)
        yield f"samvirke.{mode}.4601.vaktsentral.incidents.id.erased"
        yield f"samvirke.{mode}.4601.vaktsentral.incidents.id.deliveries_erased"
        yield from (f"samvirke.content.{mode}.4601.vaktsentral.{kind}.id" for kind in ("watch", "shared"))
        yield from (f"samvirke.timer.{mode}.{phase}.key" for phase in ("set", "cancelled", "fired"))
        yield from (f"samvirke.parked.{mode}.{room}" for room in (*ROOMS, "desk"))
        yield from (f"samvirke.feed.{mode}.{org}.{way}" for org in ORGANISATIONS for way in ("items", "next"))
        yield f"samvirke.mark.{mode}"
        yield f"samvirke.heads.{mode}"


def asking_probes() -> Iterator[str]:
    watches = (*WATCHES, ("4601", "centre"), ("4601", "feed"))
    verbs = ("people.session", "people.signin", "incidents.get", "incidents.open", "warnings.take")
    for sort, mode, (org, watch), verb in itertools.product(("cmd", "query"), MODES, watches, verbs):
        yield f"samvirke.{sort}.{mode}.{org}.{watch}.{verb}"


def stream_probes(stream: str) -> Iterator[str]:
    yield from (f"$JS.API.STREAM.{verb}.{stream}" for verb in STREAM_VERBS)
    yield from (f"$JS.API.CONSUMER.{verb}.{stream}" for verb in ("CREATE", "LIST", "NAMES"))
    for name in CONSUMERS:
        yield from (f"$JS.API.CONSUMER.{verb}.{stream}.{name}" for verb in CONSUMER_VERBS)
        yield f"$JS.API.CONSUMER.CREATE.{stream}.{name}.samvirke.actual.4601.a.b.c.d"
        yield f"$JS.ACK.{stream}.{name}.1.2.3.4.5"
        yield f"$JS.FC.{stream}.{name}.abcd"
    if stream in FILE_STREAMS:
        yield from (f"$O.{stream[4:]}.{sort}.4601.vaktsentral.id" for sort in "CM")
    yield f"$JS.API.DIRECT.GET.{stream}"
    mode = "exercise" if stream.endswith("EXERCISE") else "actual"
    for tail in (
        "actual.4601.a.b.c.d",
        f"content.{mode}.4601.a.watch.id",
        f"content.{mode}.4601.a.shared.id",
    ):
        yield f"$JS.API.DIRECT.GET.{stream}.samvirke.{tail}"


def reader(stream: str) -> str:
    """What reading in order needs; `@` stands for the user's name."""
    consumers = (f"{verb}.{stream}.@{suffix}" for verb in ("CREATE", "DELETE") for suffix in ("", "-[a-d]"))
    filtered = (f"$JS.API.CONSUMER.CREATE.{stream}.@{suffix}.*" for suffix in ("", "-[a-d]"))
    flow = (f"$JS.FC.{stream}.@{suffix}.*" for suffix in ("", "-[a-d]"))
    info = f"$JS.API.STREAM.INFO.{stream}"
    return " ".join([info, *(f"$JS.API.CONSUMER.{one}" for one in consumers), *filtered, *flow])


ANSWERS = "_R_.* _INBOX.centre.* _INBOX.phone.* _INBOX.desk.*"
READS = f"{reader('LEDGER_*')} $JS.API.DIRECT.GET.LEDGER_*"
TYPED = "samvirke.content.* $JS.API.DIRECT.GET.CONTENT_*.samvirke.content.*"
SHARED = "samvirke.content.*.shared.* $JS.API.DIRECT.GET.CONTENT_*.samvirke.content.*.shared.*"
FILES = "$O.ATTACHMENTS_*.C.* $O.ATTACHMENTS_*.M.* $JS.API.DIRECT.GET.OBJ_*"
ARMS = "samvirke.timer.*.set.* samvirke.timer.*.cancelled.*"
DURABLE = "TIMERS.notifications"
PULLS = f"$JS.API.CONSUMER.INFO.{DURABLE} $JS.API.CONSUMER.MSG.NEXT.{DURABLE} $JS.ACK.{DURABLE}.*"
LOOKS = " ".join(
    [
        "$JS.API.INFO",
        *(f"$JS.API.STREAM.INFO.{stream}" for stream in STREAMS),
        f"$JS.API.CONSUMER.INFO.{DURABLE}",
    ]
)


def writes(trade: str, room: str, more: str = "") -> str:
    facts = " ".join(f"samvirke.{mode}.*.*.{trade}.*.*" for mode in MODES)
    return f"{facts} samvirke.mark.* samvirke.parked.*.{room} {READS} {more}"


MAY_PUBLISH = {
    **{f"{room}-door": ANSWERS for room in ROOMS},
    "people-ledger": writes("people", "people"),
    "incidents-ledger": writes("incidents", "incidents", f"{TYPED} {FILES}"),
    "watch-ledger": writes("watch", "watch", "samvirke.exercise.*.*.exercise.*.*"),
    "notifications-ledger": writes("notifications", "notifications", f"{ARMS} $JS.API.DIRECT.GET.TIMERS*"),
    "feeds-ledger": writes("feeds", "feeds"),
    "reports-ledger": writes(
        "reports", "reports", f"{TYPED} {ARMS} $JS.API.DIRECT.GET.TIMERS* {reader('TIMERS')}"
    ),
    "intake-ledger": writes("warnings", "intake", SHARED),
    "incidents-archive": f"{ANSWERS} {READS} $JS.API.DIRECT.GET.CONTENT_* samvirke.parked.*.incidents "
    "$JS.API.DIRECT.GET.OBJ_* $JS.API.STREAM.INFO.OBJ_* samvirke.heads.* "
    + " ".join(f"_INBOX.{room}-ledger.*" for room in ROOMS),
    "incidents-retention": "samvirke.*.*.*.incidents.*.erased samvirke.*.*.*.incidents.*.deliveries_erased"
    " samvirke.*.*.*.reports.*.erased",
    "incidents-mender": "samvirke.*.hub.repair.incidents.*.files_mended "
    "$O.ATTACHMENTS_*.C.* $O.ATTACHMENTS_*.M.*",
    "eraser": "$JS.API.STREAM.MSG.DELETE.CONTENT_* $JS.API.STREAM.MSG.DELETE.OBJ_*",
    "notifications-reaction": f"{PULLS} {ARMS} samvirke.parked.*.notifications {READS} "
    "$JS.API.DIRECT.GET.TIMERS*",
    "notifications": reader("KV_PEOPLE"),
    "feeds": f"_R_.* _INBOX.desk.* samvirke.feed.*.items samvirke.parked.*.feeds {READS} "
    "$JS.API.DIRECT.GET.CONTENT_*.samvirke.content.*.shared.*",
    "people": "$KV.PEOPLE.* $JS.API.STREAM.MSG.DELETE.KV_PEOPLE $JS.API.DIRECT.GET.KV_PEOPLE* "
    + reader("KV_PEOPLE"),
    "desk": f"samvirke.feed.*.next {reader('KV_PEOPLE')} {READS} $JS.API.DIRECT.GET.CONTENT_*",
    "phone": "samvirke.query.*.people.session samvirke.cmd.*.people.signin samvirke.query.*.incidents.get",
    "centre": "samvirke.cmd.*.*.centre.*",
    "provisioner": f"{LOOKS} $JS.API.STREAM.CREATE.* $JS.API.STREAM.UPDATE.* samvirke.state.broker "
    + " ".join(f"$JS.API.CONSUMER.CREATE.{DURABLE}{tail}" for tail in ("", ".*")),
    "ops": f"{LOOKS} $JS.API.DIRECT.GET.PARKED*",
    "supervisor": "$SYS.REQ.SERVER.PING.JSZ $SYS.REQ.SERVER.*.RELOAD",
    **{
        f"{org}.{one}": f"samvirke.cmd.*.{org}.{one}.* samvirke.query.*.{org}.{one}.*" for org, one in WATCHES
    },
    **{f"{org}.feed": f"samvirke.feed.*.{org}.next" for org in ORGANISATIONS},
}
"""Every user, and patterns of all that it may publish, written down apart from the table that is tested."""

MAY_HEAR = {
    **{f"{one}-door": f"samvirke.cmd.*.{one}.* samvirke.query.*.{one}.*" for one in ROOMS},
    "watch-door": "samvirke.cmd.*.watch.* samvirke.query.*.watch.* "
    "samvirke.cmd.*.exercise.* samvirke.query.*.exercise.*",
    "intake-door": "samvirke.cmd.*.warnings.* samvirke.query.*.warnings.*",
    "incidents-door": "samvirke.cmd.*.incidents.*",
    "incidents-archive": "samvirke.query.*.incidents.* samvirke.mark.*",
    "desk": "samvirke.feed.*.items",
    "feeds": "samvirke.feed.*.next samvirke.heads.*",
    **{f"{org}.feed": f"samvirke.feed.*.{org}.items" for org in ORGANISATIONS},
}


async def refused(hub: Hub, user: str, *, publish: list[str], subscribe: list[str]) -> set[str]:
    """Which of these the broker would not let the user publish, or hear."""
    said: set[str] = set()
    is_judged = asyncio.Event()

    async def note(error: Exception) -> None:
        subject = str(error).partition('"')[2].rpartition('"')[0]
        said.add(subject)
        if subject == SENTINEL:
            is_judged.set()

    nc = await connect(hub.settings, user, error_cb=note)
    for subject in publish:
        await nc.publish(subject, b"")
    for subject in subscribe:
        await nc.subscribe(subject)
    await nc.publish(SENTINEL, b"")
    await asyncio.wait_for(is_judged.wait(), timeout=20)
    await nc.close()
    return {subject for subject in (*publish, *subscribe) if subject.lower() in said}


def is_written(patterns: str, user: str, subject: str) -> bool:
    return any(fnmatch.fnmatchcase(subject, one.replace("@", user)) for one in patterns.split())


def test_every_user_is_in_the_table_of_this_test() -> None:
    assert set(MAY_PUBLISH) == set(accounts.users(WATCHES))


async def test_no_user_may_publish_more_or_less_than_is_written_here(fresh_broker: Hub) -> None:
    tried, wrong = probes(), []
    for user, patterns in MAY_PUBLISH.items():
        denied = await refused(fresh_broker, user, publish=tried, subscribe=[])
        wrong += [(user, one) for one in tried if (one not in denied) != is_written(patterns, user, one)]
    assert wrong == []


async def test_no_user_hears_more_than_its_own_inbox_and_its_trade(fresh_broker: Hub) -> None:
    tried, wrong = [subject for subject in probes() if "$JS.API" not in subject], []
    for user in MAY_PUBLISH:
        denied = await refused(fresh_broker, user, publish=[], subscribe=[*SNIFFS, *tried])
        patterns = f"{MAY_HEAR.get(user, '')} _INBOX.{user}.*"
        wrong += [(user, one) for one in tried if (one not in denied) != is_written(patterns, user, one)]
        wrong += [(user, one) for one in SNIFFS if one not in denied]
    assert wrong == []
