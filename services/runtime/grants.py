"""Who may publish and hear what at the broker: one row for each user.

Every grant is spelt out; nothing is allowed by default, and nobody gets the whole JetStream interface.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import subjects
from schemas.vocabulary import Mode
from services.runtime import names
from services.runtime.names import MODES

API = "$JS.API"
TRADES: Mapping[str, tuple[str, str]] = {
    "people": (names.PEOPLE_DOOR, names.PEOPLE_LEDGER),
    "incidents": (names.INCIDENTS_DOOR, names.INCIDENTS_LEDGER),
    "watch": (names.WATCH_DOOR, names.WATCH_LEDGER),
    "notifications": (names.NOTIFICATIONS_DOOR, names.NOTIFICATIONS_LEDGER),
    "reports": (names.REPORTS_DOOR, names.REPORTS_LEDGER),
    "feeds": (names.FEEDS_DOOR, names.FEEDS_LEDGER),
    "warnings": (names.INTAKE_DOOR, names.INTAKE_LEDGER),
}
"""Each trade's door, which hears commands and answers, and the user that reads and writes its facts."""

HOSTED: Mapping[str, tuple[str, ...]] = {"watch": ("exercise",)}
"""Further trades that a trade's room looks after, as the same users."""

TYPED: Mapping[str, str] = {"incidents": "*", "warnings": "shared", "reports": "*"}
"""The class of content that a trade keeps; the other trades have no permission on content."""

TIMED = ("notifications", "reports")
"""Trades whose rooms arm timers."""

_ASKERS_IN_HUB = (names.CENTRE, names.PHONE, names.DESK)
_ANSWERS = ("_R_.>", *(f"{names.inbox(user)}.>" for user in _ASKERS_IN_HUB))
_ERASABLE = (*names.contents(), *names.all_objects())
_STREAMS = (*names.ledgers(), *_ERASABLE, names.TIMERS, names.PARKED, names.STATE, names.PEOPLE_STREAM)


_GOES = (("incidents", "erased"), ("incidents", "deliveries_erased"), ("reports", "erased"))
"""Facts by which something is kept no longer."""


class ReservedCode(ValueError):
    """An organisation or a watch may not bear a code that the hub uses itself."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one user may publish, and hear besides its own inbox."""

    user: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...] = ()


def hub_grants() -> tuple[Grant, ...]:
    """The hub's own users, one by one."""
    return (
        *(_door(trade, door) for trade, (door, _) in TRADES.items()),
        *(_appender(trade, user) for trade, (_, user) in TRADES.items()),
        _archive(),
        Grant(
            names.RETENTION,
            tuple(subjects.fact(mode, "*", "*", trade, "*", name) for mode in MODES for trade, name in _GOES),
        ),
        _mender(),
        Grant(names.ERASER, tuple(f"{API}.STREAM.MSG.DELETE.{stream}" for stream in _ERASABLE)),
        _reaction(),
        Grant(names.NOTIFICATIONS_PEOPLE, _reader(names.NOTIFICATIONS_PEOPLE, [names.PEOPLE_STREAM])),
        _feeds(),
        _people_writer(),
        _desk(),
        Grant(names.PHONE, _phone()),
        Grant(names.CENTRE, (subjects.command("*", "*", names.CENTRE_WATCH, "*", "*"),)),
        _provisioner(),
        Grant(names.OPS, _ops()),
    )


def organisation_grants(org: str, watches: Iterable[str]) -> tuple[Grant, ...]:
    """The users of one organisation's account: its watches, and one for its feed."""
    feed = Grant(
        names.watch_user(org, names.FEED_WATCH),
        (subjects.feed("*", org, "next"),),
        (subjects.feed("*", org, "items"),),
    )
    return (*(_watch(org, watch) for watch in watches), feed)


def exercise_grants(exercise: str, org: str, watches: Iterable[str]) -> tuple[Grant, ...]:
    """The users of one organisation in one exercise: as its own users, and in no other mode."""
    mode, user = Mode.EXERCISE, names.exercise_user(exercise, org, names.FEED_WATCH)
    feed = Grant(user, (subjects.feed(mode, org, "next"),), (subjects.feed(mode, org, "items"),))
    return (*(_exercise_watch(exercise, org, watch) for watch in watches), feed)


def system_grant() -> Grant:
    """The supervisor asks the server how it was configured, has it read that anew, and no more."""
    return Grant(names.SUPERVISOR, ("$SYS.REQ.SERVER.PING.JSZ", "$SYS.REQ.SERVER.*.RELOAD"))


def _door(trade: str, user: str) -> Grant:
    """Hears commands and queries, and may publish nothing but answers.

    A sender chooses where its answer goes: were more allowed here, an answer could be put into the ledger.
    """
    kinds = [subjects.command] if trade == "incidents" else [subjects.command, subjects.query]
    heard = (kind("*", "*", "*", one, "*") for one in _trades(trade) for kind in kinds)
    return Grant(user, _ANSWERS, tuple(heard))


def _appender(trade: str, user: str) -> Grant:
    facts = [subjects.facts_of_trade(mode, one) for one in _trades(trade) for mode in _modes(one)]
    reads = (*_reader(user, names.ledgers()), *_direct(names.ledgers()))
    content = _content(TYPED[trade]) if trade in TYPED else ()
    timers = _timers() if trade in TIMED else ()
    own = {"incidents": _files(), "reports": _reader(user, [names.TIMERS])}
    more = own.get(trade, ())
    return Grant(user, (*facts, subjects.mark("*"), *reads, *_parks(user), *content, *timers, *more))


def _trades(trade: str) -> tuple[str, ...]:
    return (trade, *HOSTED.get(trade, ()))


def _modes(trade: str) -> tuple[str, ...]:
    """Only exercises have clocks that can be set."""
    return (Mode.EXERCISE,) if trade == "exercise" else MODES


def _content(sort: str) -> tuple[str, ...]:
    """Keeps what was typed; reads it one by one, to know a repeated command and to copy to a wider class."""
    return tuple(
        subject
        for mode in MODES
        for place in [subjects.content(mode, "*", "*", sort, "*")]
        for subject in (place, f"{API}.DIRECT.GET.{names.content(mode)}.{place}")
    )


def _files() -> tuple[str, ...]:
    """Stores the parts of files that a watch sends to its door, and reads them to see what they are."""
    return (*_stores_files(), *_direct(names.all_objects()))


def _stores_files() -> tuple[str, ...]:
    return tuple(subjects.objects_of(names.bucket(mode), sort) for mode in MODES for sort in ("C", "M"))


def _timers() -> tuple[str, ...]:
    """Arms and cancels, but cannot forge a timer that fired."""
    phases = (subjects.timer("*", phase, "*") for phase in ("set", "cancelled"))
    return (*phases, *_direct([names.TIMERS]))


def _archive() -> Grant:
    user = names.INCIDENTS_ARCHIVE
    answers = (*_ANSWERS, *(f"{names.inbox(asker)}.>" for _, asker in TRADES.values()))
    streams = (*names.ledgers(), *_ERASABLE)
    looks = tuple(f"{API}.STREAM.INFO.{stream}" for stream in names.all_objects())
    reads = (*_reader(user, names.ledgers()), *_direct(streams), *looks)
    asked = (subjects.query("*", "*", "*", "incidents", "*"), subjects.mark("*"))
    return Grant(user, (*answers, *reads, *_parks(user), subjects.heads("*")), asked)


def _mender() -> Grant:
    """Stores files, and says in the hub's own log that it did; it deletes nothing."""
    says = (subjects.fact(mode, *names.REPAIR, "incidents", "*", "files_mended") for mode in MODES)
    return Grant(names.MENDER, (*_stores_files(), *says))


def _reaction() -> Grant:
    user, durable = names.NOTIFICATIONS_REACTION, names.NOTIFICATIONS_DURABLE
    pulls = (
        f"{API}.CONSUMER.INFO.{names.TIMERS}.{durable}",
        f"{API}.CONSUMER.MSG.NEXT.{names.TIMERS}.{durable}",
        f"$JS.ACK.{names.TIMERS}.{durable}.>",
    )
    reads = (*_reader(user, names.ledgers()), *_direct(names.ledgers()))
    return Grant(user, (*pulls, *reads, *_timers(), *_parks(user)))


def _feeds() -> Grant:
    shared = (
        f"{API}.DIRECT.GET.{names.content(mode)}.{subjects.content(mode, '*', '*', 'shared', '*')}"
        for mode in MODES
    )
    says = ("_R_.>", f"{names.inbox(names.DESK)}.>", subjects.feed("*", "*", "items"))
    reads = (*_reader(names.FEEDS, names.ledgers()), *_direct(names.ledgers()), *shared)
    heard = (subjects.feed("*", "*", "next"), subjects.heads("*"))
    return Grant(names.FEEDS, (*says, *reads, *_parks(names.FEEDS)), heard)


def _people_writer() -> Grant:
    bucket = names.PEOPLE_STREAM
    writes = (f"$KV.{names.PEOPLE}.>", f"{API}.STREAM.MSG.DELETE.{bucket}")
    return Grant(names.PEOPLE_WRITER, (*writes, *_direct([bucket]), *_reader(names.PEOPLE_WRITER, [bucket])))


def _desk() -> Grant:
    """Follows feeds, and reads facts and texts for its own picture of what stands open."""
    follows = _reader(names.DESK, (*names.ledgers(), names.PEOPLE_STREAM))
    reads = (*follows, *_direct((*names.ledgers(), *names.contents())))
    return Grant(names.DESK, (subjects.feed("*", "*", "next"), *reads), (subjects.feed("*", "*", "items"),))


def _phone() -> tuple[str, ...]:
    return (
        subjects.query("*", "*", "*", "people", "session"),
        subjects.command("*", "*", "*", "people", "signin"),
        subjects.query("*", "*", "*", "incidents", "get"),
    )


def _provisioner() -> Grant:
    """Declares streams and durable consumers, and cannot delete, purge, read or write a fact."""
    verbs = [f"{API}.STREAM.{verb}.{stream}" for stream in _STREAMS for verb in ("CREATE", "UPDATE", "INFO")]
    durable = f"{names.TIMERS}.{names.NOTIFICATIONS_DURABLE}"
    makes = [f"{API}.CONSUMER.CREATE.{durable}{tail}" for tail in ("", ".>")]
    look = f"{API}.CONSUMER.INFO.{durable}"
    return Grant(names.PROVISIONER, (f"{API}.INFO", *verbs, *makes, look, names.state_subject()))


def _ops() -> tuple[str, ...]:
    streams = [f"{API}.STREAM.INFO.{stream}" for stream in _STREAMS]
    durable = f"{API}.CONSUMER.INFO.{names.TIMERS}.{names.NOTIFICATIONS_DURABLE}"
    state = f"{API}.DIRECT.GET.{names.STATE}.{names.state_subject()}"
    return (f"{API}.INFO", state, *streams, durable, *_direct([names.PARKED]))


def _watch(org: str, watch: str) -> Grant:
    if watch in names.RESERVED_WATCHES:
        raise ReservedCode(watch)
    asks = (subjects.command("*", org, watch, "*", "*"), subjects.query("*", org, watch, "*", "*"))
    return Grant(names.watch_user(org, watch), asks)


def _exercise_watch(exercise: str, org: str, watch: str) -> Grant:
    if watch in names.RESERVED_WATCHES:
        raise ReservedCode(watch)
    mode = Mode.EXERCISE
    asks = (subjects.command(mode, org, watch, "*", "*"), subjects.query(mode, org, watch, "*", "*"))
    return Grant(names.exercise_user(exercise, org, watch), asks)


def _reader(user: str, streams: Iterable[str]) -> tuple[str, ...]:
    """What an ordered push reader needs, under the names that the user may give it."""
    return tuple(
        subject
        for stream in streams
        for subject in (f"{API}.STREAM.INFO.{stream}", *_consumers(stream, names.reader_names(user)))
    )


def _consumers(stream: str, readers: Iterable[str]) -> list[str]:
    return [
        subject
        for reader in readers
        for subject in (
            f"{API}.CONSUMER.CREATE.{stream}.{reader}",
            f"{API}.CONSUMER.CREATE.{stream}.{reader}.>",
            f"{API}.CONSUMER.DELETE.{stream}.{reader}",
            f"$JS.FC.{stream}.{reader}.>",
        )
    ]


def _direct(streams: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{API}.DIRECT.GET.{stream}{tail}" for stream in streams for tail in ("", ".>"))


def _parks(user: str) -> tuple[str, ...]:
    """A service parks under the name of its room."""
    return (subjects.parked("*", user.partition("-")[0]),)
