"""What a page's form says."""

from urllib.parse import parse_qs

from fastapi import Request

from services.desk.bodies import read_bytes
from services.runtime.reading import Refusal

FORM = "application/x-www-form-urlencoded"
_FIELDS_MOST = 300


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each with its last value, without surrounding blanks. Raises Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refusal("MALFORMED", where=["content-type"])
    raw = await read_bytes(request)
    try:
        found = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MOST, errors="strict")
    except ValueError:
        raise Refusal("MALFORMED", where=["body"]) from None
    return {name: values[-1].replace("\r\n", "\n").strip() for name, values in found.items()}
