"""A form with a file in it, taken apart as it comes: fields first, then the file part by part."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.runtime.reading import LIMIT_BYTES, Refusal

FORM = "multipart/form-data"


@dataclass(slots=True)
class Form:
    """What has come so far. ``name`` and ``media_type`` are the file's, as its sender says."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    media_type: str = ""
    file: bytearray = field(default_factory=bytearray)

    def take(self) -> bytes:
        """What has come of the file since it was asked last."""
        came = bytes(self.file)
        self.file.clear()
        return came


async def read_upload(request: Request) -> AsyncIterator[Form]:
    """The form, given out each time more of its file has come, and once more at its end.

    Fields are whole before the file begins if they stand before it. Raises Refusal: MALFORMED, TOO_LARGE.
    """
    sort, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if sort != FORM.encode() or not boundary:
        raise Refusal("MALFORMED", where=["content-type"])
    form = Form()
    taking = _Taking(form)
    try:
        parser = MultipartParser(boundary, taking.callbacks())
        async for raw in request.stream():
            parser.write(raw)
            if form.file:
                yield form
        parser.finalize()
    except (FormParserError, UnicodeDecodeError):
        raise Refusal("MALFORMED", where=["body"]) from None
    if form.name is None or not taking.is_done:
        raise Refusal("MALFORMED", where=["file"])
    yield form


class _Taking:
    """The parser's callbacks: one file, and fields that are small together."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._field: str | None = None
        self._text = bytearray()
        self._spent = 0
        self.is_done = False

    def callbacks(self) -> Any:
        """As the parser wants them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._take,
            "on_part_end": self._close,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._headers, self._field, self._text = {}, None, bytearray()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += self._spend(data[start:end])

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._spend(data[start:end])

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in options:
            self._field = options.get(b"name", b"").decode()
            return
        if self._form.name is not None:
            raise Refusal("MALFORMED", where=["file"])
        self._form.name = options[b"filename"].decode()
        sort, _ = parse_options_header(self._headers.get(b"content-type", b""))
        self._form.media_type = sort.decode("latin-1").lower()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._form.file += data[start:end]
        else:
            self._text += self._spend(data[start:end])

    def _close(self) -> None:
        if self._field is not None:
            self._form.fields[self._field] = self._text.decode()

    def _finish(self) -> None:
        self.is_done = True

    def _spend(self, data: bytes) -> bytes:
        self._spent += len(data)
        if self._spent > LIMIT_BYTES:
            raise Refusal("TOO_LARGE", limit=LIMIT_BYTES)
        return data
