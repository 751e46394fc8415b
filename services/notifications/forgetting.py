"""Rows of chains and messages that go: of an exercise ended for good, and of deliveries past their term."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.discards import Share
from schemas.subjects import Place
from services.notifications.commits import Work
from services.notifications.store import CHAIN, DELIVERY, LINK, moment

_PAGE = 500


def discard(mode: str, share: Share) -> Work:
    """Delete the chains that began in an exercise, with their messages and links."""
    return lambda connection: _delete(connection, _chains(connection, mode, share))


def pass_term(place: Place) -> Work:
    """Delete the ended chains about an incident, with what is left of their messages."""
    of = (CHAIN.c.mode == place.mode, CHAIN.c.org == place.org, CHAIN.c.owner == place.watch)
    query = sa.select(CHAIN.c.chain).where(*of, CHAIN.c.incident == place.id, CHAIN.c.outcome != "")
    return lambda connection: _delete(connection, list(connection.execute(query).scalars()))


def count(mode: str, share: Share) -> Callable[[Connection], tuple[int, int]]:
    """How many chains there are of an exercise, and messages."""

    def work(connection: Connection) -> tuple[int, int]:
        chains = _chains(connection, mode, share)
        sent = sa.select(sa.func.count()).select_from(DELIVERY)
        pages = (sent.where(DELIVERY.c.chain.in_(page)) for page in _pages(chains))
        return len(chains), sum(int(connection.execute(page).scalar_one()) for page in pages)

    return work


def _chains(connection: Connection, mode: str, share: Share) -> list[str]:
    query = sa.select(CHAIN.c.chain, CHAIN.c.org, CHAIN.c.owner, CHAIN.c.started_at)
    return [
        row.chain
        for row in connection.execute(query.where(CHAIN.c.mode == mode))
        if share.holds(f"{row.org}.{row.owner}", moment(row.started_at))
    ]


def _delete(connection: Connection, chains: Sequence[str]) -> None:
    for page in _pages(chains):
        for table in (LINK, DELIVERY, CHAIN):
            connection.execute(sa.delete(table).where(table.c.chain.in_(page)))


def _pages(chains: Sequence[str]) -> list[Sequence[str]]:
    return [chains[start : start + _PAGE] for start in range(0, len(chains), _PAGE)]
