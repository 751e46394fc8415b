"""A board as bytes, so that a start of the desk reads only what has come since."""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter

from schemas.sharing import Reach
from services.desk.board import Board, Standing


@dataclass(frozen=True, slots=True)
class _State:
    """What facts of incidents, notifications and warnings have made of a board."""

    open: list[Standing]
    closed: list[Standing]
    numbers: list[tuple[str, int, int]]
    sources: dict[str, datetime]
    heard: list[tuple[str, Reach, datetime]]


_FORM = TypeAdapter(_State)


def dump(board: Board) -> bytes:
    """The state of a board, without the directory and the exercises."""
    state = _State(
        [_plain(standing) for standing in board.open.values()],
        [_plain(standing) for standing in board.closed.values()],
        [(watch, year, count) for (watch, year), count in board.numbers.items()],
        board.sources,
        [(organisation, reach, at) for (organisation, reach), at in board.heard.items()],
    )
    return _FORM.dump_json(state)


def load(board: Board, raw: bytes) -> None:
    """Take in what ``dump`` gave. Raises ValueError when it is something else."""
    state = _FORM.validate_json(raw)
    board.open = {standing.key: _lean(standing) for standing in state.open}
    board.closed = {standing.key: _lean(standing) for standing in state.closed}
    board.numbers.update({(watch, year): count for watch, year, count in state.numbers})
    board.sources = state.sources
    board.heard = {(organisation, reach): at for organisation, reach, at in state.heard}


def _plain(standing: Standing) -> Standing:
    """With mappings that can be written."""
    told, guests, chains = dict(standing.told), dict(standing.guests), dict(standing.chains)
    return replace(standing, told=told, guests=guests, chains=chains)


def _lean(standing: Standing) -> Standing:
    """Without empty mappings of its own: thousands stand open."""
    bare = Standing(standing.key)
    standing.told = standing.told or bare.told
    standing.guests = standing.guests or bare.guests
    standing.chains = standing.chains or bare.chains
    return standing
