"""Parts of pages: the rows of the list as HTML, with the words and names that their watch may see."""

from collections.abc import Sequence
from typing import Any

from services.desk import render
from services.desk.board import Board
from services.desk.boards import Boards
from services.desk.rules import Row
from services.words.languages import spoken

_HEADLINE_MOST = 140


async def draw_rows(boards: Boards, mode: str, watch: str, rows: Sequence[Row]) -> str:
    """The rows as list items, in the order given."""
    if not rows:
        return ""
    texts = await boards.texts(mode, rows)
    board = boards.of(mode)
    async with boards.drawing:
        shown = [_shown(row, texts.get(row.words.fact), board, watch) for row in rows]
        return render.part("rows", rows=shown, watch=watch)


def title_of(board: Board, watch: str) -> str:
    """What a watch is called; its key when nobody has set it up."""
    known = board.directory.watches.get(watch)
    return known.title if known is not None else watch


def _shown(row: Row, content: dict[str, Any] | None, board: Board, watch: str) -> dict[str, Any]:
    """Times are those of the viewer's exercise, if it is in one (D23)."""
    said, org = content or {}, watch.partition(".")[0]
    known = board.directory.type_for(watch, row.type)
    headline = str(said.get("headline") or said.get("text") or "")
    return {
        "row": row,
        "type": known.title.spoken(spoken()) if known else None,
        "headline": headline[:_HEADLINE_MOST],
        "place": str(said.get("place") or ""),
        "owner": "" if row.is_born_here else title_of(board, row.owner),
        "since": board.exercises.time(org, row.since).isoformat(),
        "occurred_at": row.occurred_at.isoformat(),
    }
