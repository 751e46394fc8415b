"""Pages from templates: every value is escaped, every text comes from the catalogue."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from starlette.responses import HTMLResponse

from services.desk import texts

FOLDER = Path(__file__).parent
NO_STORE = {"Cache-Control": "no-store"}


def page(template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page that no cache keeps."""
    found = _environment().get_template(f"{template}.html").render(**values)
    return HTMLResponse(found, status, NO_STORE)


@cache
def stylesheet() -> bytes:
    """The one style sheet."""
    return (FOLDER / "static" / "desk.css").read_bytes()


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "_": texts.say,
        "word": texts.word,
        "moment": texts.moment,
        "lang": texts.LANGUAGE,
    }
    return found
