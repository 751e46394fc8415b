"""Pages from templates: every value is escaped, every text comes from the catalogue."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from schemas.identifiers import new_id
from services.desk import files, keys, texts
from services.words.languages import LANGUAGES, spoken

FOLDER = Path(__file__).parent
NO_STORE = {"Cache-Control": "no-store"}
SHAPES = {"critical": "▲", "high": "◆", "normal": "●", "info": "–"}
SHORT = {"critical": "P1", "high": "P2", "normal": "P3", "info": "info"}


class Page(Response):
    """A page that is drawn when its turn has come."""

    def __init__(self, template: str, status: int, values: Mapping[str, Any]) -> None:
        super().__init__(status_code=status)
        self._template = template
        self._values = values

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw it and send it; whose turn it is the application knows."""
        async with scope["app"].state.drawing:
            drawn = HTMLResponse(part(self._template, **self._values), self.status_code, NO_STORE)
        await drawn(scope, receive, send)


def page(template: str, status: int = 200, /, **values: Any) -> Page:
    """A page, or a part of one, that no cache keeps."""
    return Page(template, status, values)


def part(template: str, /, **values: Any) -> str:
    """What a template makes of the values."""
    return _environment().get_template(f"{template}.html").render(**values)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["as_json"] = _json
    found.globals |= {
        "_": texts.say,
        "word": texts.word,
        "moment": texts.moment,
        "clock": texts.clock,
        "spoken": spoken,
        "languages": LANGUAGES,
        "shapes": SHAPES,
        "short": SHORT,
        "asset": files.address,
        "new_id": new_id,
        "keys": keys.KEYS,
        "shortcuts": keys.shortcuts,
        "printed": keys.printed,
    }
    return found
