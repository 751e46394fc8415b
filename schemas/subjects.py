"""Every NATS subject of the hub is built and parsed here and nowhere else (architecture, section 4)."""

import base64
import re
from dataclasses import dataclass

from schemas.identifiers import TOKEN

ROOT = "samvirke"
COMMAND, QUERY = "cmd", "query"
CENTRE = "centre"
"""Reserved watch code: the authority that applies the centre file."""


_FILTER = re.compile(rf"{ROOT}(?:\.(?:{TOKEN.pattern}|\*|>))+")


class BadToken(ValueError):
    """A part of a subject has characters that could change its meaning."""


def token(value: str) -> str:
    """``value`` if it is safe inside a subject. Raises BadToken otherwise."""
    if not TOKEN.fullmatch(value):
        raise BadToken("a subject token takes 1 to 64 of A-Z a-z 0-9 _ -")
    return value


def _join(*parts: str) -> str:
    """A subject or filter of these tokens. Raises BadToken if one of them is none."""
    joined = ".".join((ROOT, *parts))
    if joined.count(".") != len(parts) or not _FILTER.fullmatch(joined):
        for part in parts:
            token(part)
        raise BadToken("a wildcard stands for a whole token")
    return joined


@dataclass(frozen=True, slots=True)
class Address:
    """A command's or query's subject, taken apart. ``org`` and ``watch`` are the actor's."""

    sort: str
    mode: str
    org: str
    watch: str
    trade: str
    verb: str

    @property
    def key(self) -> str:
        """The watch's key, such as ``4601.vaktsentral``."""
        return f"{self.org}.{self.watch}"


@dataclass(frozen=True, slots=True)
class Place:
    """A fact's subject, taken apart. ``org`` and ``watch`` are its birthplace."""

    mode: str
    org: str
    watch: str
    trade: str
    id: str
    fact: str

    @property
    def key(self) -> str:
        """The birthplace watch's key."""
        return f"{self.org}.{self.watch}"


def command(mode: str, org: str, watch: str, trade: str, verb: str) -> str:
    """Where a watch sends a command."""
    return _join(COMMAND, mode, org, watch, trade, verb)


def query(mode: str, org: str, watch: str, trade: str, what: str) -> str:
    """Where a watch asks."""
    return _join(QUERY, mode, org, watch, trade, what)


def fact(mode: str, org: str, watch: str, trade: str, id: str, name: str) -> str:
    """Where a fact lies in its mode's ledger."""
    return _join(mode, org, watch, trade, id, name)


def facts_of(mode: str, id: str, org: str = "*", watch: str = "*", trade: str = "*") -> str:
    """Filter for every fact about one id."""
    return _join(mode, org, watch, trade, id, ">")


def facts_of_trade(mode: str, trade: str, name: str = "*") -> str:
    """Filter for one trade's facts in all watches."""
    return _join(mode, "*", "*", trade, "*", name)


def ledger(mode: str) -> str:
    """Filter for the whole ledger of a mode."""
    return _join(mode, ">")


def content(mode: str, org: str, watch: str, content_class: str, fact_id: str) -> str:
    """Where a fact's content lies."""
    return _join("content", mode, org, watch, content_class, fact_id)


def content_of(mode: str) -> str:
    """Filter for all content of a mode."""
    return _join("content", mode, ">")


def objects_of(bucket: str, sort: str = "") -> str:
    """Filter for an object store's parts of files (``C``) or descriptions (``M``), or for both."""
    return f"$O.{bucket}.{sort}.>" if sort else f"$O.{bucket}.>"


def object_parts(bucket: str, org: str, watch: str, name: str) -> str:
    """Where the parts of one object lie; ``org`` and ``watch`` are the sender's."""
    return f"$O.{bucket}.C.{token(org)}.{token(watch)}.{token(name)}"


def object_description(bucket: str, name: str) -> str:
    """Where an object is described, as NATS' own clients look for it."""
    return f"$O.{bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def timer(mode: str, phase: str, key: str) -> str:
    """Where a timer is ``set``, ``fired`` or ``cancelled``."""
    return _join("timer", mode, phase, key)


def feed(mode: str, org: str, way: str) -> str:
    """A neighbour's ``items`` or ``next``."""
    return _join("feed", mode, org, way)


def parked(mode: str, service: str) -> str:
    """Where a service notes messages that it could not handle."""
    return _join("parked", mode, service)


def heads(mode: str) -> str:
    """Where the archive tells the feeds each organisation's blinded head."""
    return _join("heads", mode)


def mark(mode: str) -> str:
    """Where the archive answers how far, and to which fact, it has read."""
    return _join("mark", mode)


def parse_address(subject: str) -> Address | None:
    """The parts of a command or query subject, or None if it is neither."""
    parts = subject.split(".")
    if len(parts) != 7 or parts[0] != ROOT or parts[1] not in (COMMAND, QUERY):
        return None
    if not all(TOKEN.fullmatch(part) for part in parts):
        return None
    return Address(*parts[1:])


def parse_place(subject: str) -> Place | None:
    """The parts of a fact's subject, or None if it is no fact."""
    parts = subject.split(".")
    if len(parts) != 7 or parts[0] != ROOT or parts[1] not in ("actual", "exercise"):
        return None
    return Place(*parts[1:])


def parse_feed(subject: str) -> tuple[str, str, str] | None:
    """Mode, organisation and way of a feed's subject, or None if it is none."""
    parts = subject.split(".")
    if len(parts) != 5 or parts[:2] != [ROOT, "feed"] or not all(TOKEN.fullmatch(part) for part in parts):
        return None
    return parts[2], parts[3], parts[4]


def split_key(key: str) -> tuple[str, str]:
    """Organisation and watch of a watch's key. Raises BadToken if it is no key."""
    org, dot, watch = key.partition(".")
    if not dot:
        raise BadToken("a watch's key is <organisation>.<watch>")
    return token(org), token(watch)
