"""Names of modes, streams, durable consumers, readers and users: the only place where they are spelt."""

from typing import Literal

from schemas import subjects

Mode = Literal["actual", "exercise"]

MODES: tuple[Mode, ...] = ("actual", "exercise")

TIMERS = "TIMERS"
PARKED = "PARKED"
STATE = "STATE"
"""Holds the last word on the broker: does it sync every write, and its version."""
PEOPLE = "PEOPLE"
"""The key-value bucket of names and contacts."""
PEOPLE_STREAM = f"KV_{PEOPLE}"

PEOPLE_DOOR = "people-door"
PEOPLE_LEDGER = "people-ledger"
PEOPLE_WRITER = "people"
INCIDENTS_DOOR = "incidents-door"
INCIDENTS_LEDGER = "incidents-ledger"
INCIDENTS_ARCHIVE = "incidents-archive"
RETENTION = "incidents-retention"
MENDER = "incidents-mender"
"""Puts back files that the object store has lost, and says so."""
WATCH_DOOR = "watch-door"
WATCH_LEDGER = "watch-ledger"
NOTIFICATIONS_DOOR = "notifications-door"
NOTIFICATIONS_LEDGER = "notifications-ledger"
NOTIFICATIONS_REACTION = "notifications-reaction"
NOTIFICATIONS_PEOPLE = "notifications"
"""Keeps the copy of PEOPLE that notifications pages from."""
REPORTS_DOOR = "reports-door"
REPORTS_LEDGER = "reports-ledger"
FEEDS_DOOR = "feeds-door"
FEEDS_LEDGER = "feeds-ledger"
FEEDS = "feeds"
INTAKE_DOOR = "intake-door"
INTAKE_LEDGER = "intake-ledger"
ERASER = "eraser"
DESK = "desk"
PHONE = "phone"
CENTRE = "centre"
PROVISIONER = "provisioner"
OPS = "ops"
SUPERVISOR = "supervisor"
"""The only user of account SYS."""

FEED_WATCH = "feed"
"""Reserved watch code: the user `<org>.feed` may follow its organisation's feed, and nothing else."""
CENTRE_WATCH = subjects.CENTRE
REPAIR = ("hub", "repair")
"""Organisation and watch in whose log the facts about the hub's own copies lie."""
RESERVED_WATCHES = (FEED_WATCH, CENTRE_WATCH)

SYS_ACCOUNT = "SYS"
HUB_ACCOUNT = "HUB"

NOTIFICATIONS_DURABLE = "notifications"
"""Durable consumer of the reactions to timers."""

_READER_SUFFIXES = ("", "-a", "-b", "-c", "-d")


def ledger(mode: str) -> str:
    """The stream that holds the facts of a mode."""
    return f"LEDGER_{mode.upper()}"


def content(mode: str) -> str:
    """The stream that holds what people typed in a mode."""
    return f"CONTENT_{mode.upper()}"


def bucket(mode: str) -> str:
    """The object store that holds the bytes of a mode's attached files."""
    return f"ATTACHMENTS_{mode.upper()}"


def objects(mode: str) -> str:
    """The stream behind a mode's object store."""
    return f"OBJ_{bucket(mode)}"


def all_objects() -> tuple[str, ...]:
    """The streams of the object stores of every mode."""
    return tuple(objects(mode) for mode in MODES)


def state_subject() -> str:
    """Where the supervisor says what the broker does."""
    return f"{subjects.ROOT}.state.broker"


def ledgers() -> tuple[str, ...]:
    """The ledger streams of every mode."""
    return tuple(ledger(mode) for mode in MODES)


def contents() -> tuple[str, ...]:
    """The content streams of every mode."""
    return tuple(content(mode) for mode in MODES)


def reader_names(user: str) -> tuple[str, ...]:
    """Consumer names that a user may give its ordered readers: at most five per stream at once."""
    return tuple(f"{user}{suffix}" for suffix in _READER_SUFFIXES)


def watch_user(org: str, watch: str) -> str:
    """The user, and credential file, of a watch: `4601.vaktsentral`."""
    return f"{org}.{watch}"


def exercise_user(exercise: str, org: str, watch: str) -> str:
    """The user, and credential file, of a watch in one exercise: it reaches nothing that is actual."""
    return f"exercise.{exercise}.{org}.{watch}"


def exercise_account(exercise: str, org: str) -> str:
    """The account of an organisation in one exercise; no organisation's key has a dot."""
    return f"exercise.{exercise}.{org}"


def inbox(user: str) -> str:
    """The inbox prefix of a user, in whole tokens: `_INBOX.4601.vaktsentral`."""
    return f"_INBOX.{user}"
