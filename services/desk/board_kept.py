"""A board as bytes, so that a start of the desk reads only what has come since."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from schemas.sharing import Reach
from services.desk.board import Board, Standing


@dataclass(frozen=True, slots=True)
class _Rest:
    """What facts of incidents, notifications and warnings have made of a board, beside what stands."""

    standing: int
    numbers: list[tuple[str, int, int]]
    sources: dict[str, datetime]
    heard: list[tuple[str, Reach, datetime]]


_REST = TypeAdapter(_Rest)
_STANDING = TypeAdapter(tuple[bool, Standing])
"""Whether it is closed, and how it stands."""


def dump(board: Board) -> bytes:
    """The state of a board, without the directory and the exercises: a line for each incident."""
    rest = _Rest(
        len(board.open) + len(board.closed),
        [(watch, year, count) for (watch, year), count in board.numbers.items()],
        board.sources,
        [(organisation, reach, at) for (organisation, reach), at in board.heard.items()],
    )
    return b"\n".join((_REST.dump_json(rest), *_lines(board)))


def load(board: Board, raw: bytes) -> None:
    """Take in what ``dump`` gave. Raises ValueError when it is something else."""
    first, *lines = raw.split(b"\n")
    rest = _REST.validate_json(first)
    found = [_STANDING.validate_json(line) for line in lines]
    if len(found) != rest.standing:
        raise ValueError("lines are missing")
    board.open = {one.key: _lean(one) for is_closed, one in found if not is_closed}
    board.closed = {one.key: _lean(one) for is_closed, one in found if is_closed}
    board.numbers.update({(watch, year): count for watch, year, count in rest.numbers})
    board.sources = rest.sources
    board.heard = {(organisation, reach): at for organisation, reach, at in rest.heard}


def _lines(board: Board) -> Iterator[bytes]:
    """One at a time: thousands stand open in a storm, and memory is short then."""
    for is_closed, standings in ((False, board.open), (True, board.closed)):
        for one in standings.values():
            told, guests, chains = dict(one.told), dict(one.guests), dict(one.chains)
            plain = replace(one, told=told, guests=guests, chains=chains)
            yield _STANDING.dump_json((is_closed, plain))


def _lean(standing: Standing) -> Standing:
    """Without empty mappings of its own: thousands stand open."""
    bare = Standing(standing.key)
    standing.told = standing.told or bare.told
    standing.guests = standing.guests or bare.guests
    standing.chains = standing.chains or bare.chains
    return standing
