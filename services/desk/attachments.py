"""Files over HTTP: taken in part by part, and given out so that no browser opens them in the desk's name."""

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from schemas.attachments import EXTENSIONS, AttachFile, MediaType, claimed_by
from schemas.envelope import Accepted, Refused
from services.desk.api import known_ref, told
from services.desk.asker import CSRF_FIELD, CSRF_HEADER, Asker, Identity
from services.desk.bodies import Said, said_in
from services.desk.multipart import Form, read_upload
from services.desk.pages import address, named
from services.desk.shown import shown
from services.runtime.edge import Kept
from services.runtime.reading import Refusal, read_question
from services.runtime.upload import Upload

_AT_ONCE = 4
_PLAIN_FIELDS = ("id", "text", "headline", "source", "level", "occurred_at")
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Download-Options": "noopen",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def attachment_routes(identity: Identity) -> APIRouter:
    """The routes, as data."""
    files = Attachments(identity)
    router = APIRouter(prefix="/v1")
    router.add_api_route("/incidents/{ref}/attachments", files.attach, methods=["POST"])
    router.add_api_route("/attachments/{id}", files.fetch, methods=["GET"])
    return router


def attachment_pages(identity: Identity) -> APIRouter:
    """The route of the page's form."""
    router = APIRouter()
    handler = shown(Attachments(identity).attach_here)
    router.add_api_route("/incidents/{name}/attach", handler, methods=["POST"])
    return router


class Attachments:
    """What each route does."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def attach(self, request: Request, ref: str) -> Response:
        """Attach a file to an incident: a form with field ``file``, and before it ``about`` in JSON."""
        asker = await self._identity.of(request)
        return told(await self._take(request, asker, {"ref": known_ref(ref)}))

    async def attach_here(self, request: Request, name: str) -> Response:
        """The same from a page's form, which leads back to the page."""
        asker, by = await self._identity.person(request), named(name)
        if "number" in by:
            by = {"ref": (await asker.ask("incidents", "get", **by))["incident"]["ref"]}
        answer = await self._take(request, asker, {"incident": by["id"]} if "id" in by else by)
        if isinstance(answer, Refused):
            raise Refusal(answer.code, **answer.parameters)
        mode = {} if asker.mode == self._identity.first_mode else {"mode": asker.mode}
        seen = {"after": answer.receipt} if isinstance(answer, Accepted) else {"kept": "1"}
        return RedirectResponse(address(name, seen | mode), 303)

    async def _take(self, request: Request, asker: Asker, by: dict[str, str]) -> Accepted | Refused | Kept:
        upload, form, is_allowed = Upload(asker.edge, asker.mode, asker.actor), Form(), False
        async for form in read_upload(request):
            if not is_allowed:
                self._check(request, asker, form)
                is_allowed = True
            refused = await upload.feed(form.take())
            if refused is not None:
                return refused
        refused = await upload.finish()
        if refused is not None:
            return refused
        about, name = _about(form), form.name or ""
        command = about.request(AttachFile, media_type=_media_type(form, name), **by, **upload.named)
        content = upload.content(name, about.content)
        return await asker.edge.send(asker.mode, command, asker.actor, content, about.occurred_at, about.id)

    async def fetch(self, request: Request, id: str) -> Response:
        """One file, as it came or as a copy without hidden data, as the asker may have it."""
        asker = await self._identity.of(request)
        said = {name: request.query_params.get(name) for name in ("after", "reason")}
        asked = {"file": id, "most": _AT_ONCE, **said}
        first = await asker.ask("incidents", "file", **asked)
        headers = {**SAFE_HEADERS, "Content-Disposition": disposition(first["name"])}
        return StreamingResponse(
            _parts(asker, asked, first), headers=headers, media_type=str(first["media_type"])
        )

    def _check(self, request: Request, asker: Asker, form: Form) -> None:
        """Nothing is stored of a form that did not come from a page of this session."""
        if asker.actor.machine is None:
            said = request.headers.get(CSRF_HEADER) or form.fields.get(CSRF_FIELD, "")
            self._identity.check_form(request, asker, said)


def disposition(name: str) -> str:
    """A name to save under, which no browser shows as a page; plain letters for those that know no others."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _parts(asker: Asker, asked: dict[str, Any], found: dict[str, Any]) -> AsyncIterator[bytes]:
    """The file's bytes, some parts at a time; what may be seen is asked anew for each."""
    sent = 0
    while True:
        for part in found["data"]:
            yield base64.b64decode(part)
        sent += len(found["data"])
        if sent >= found["chunks"]:
            return
        found = await asker.ask("incidents", "file", **asked, first=sent)


def _about(form: Form) -> Said:
    """What is said beside the file: field ``about`` in JSON, or the plain fields of a page's form."""
    if "about" in form.fields:
        return said_in(read_question(form.fields["about"].encode()))
    plain = {name: form.fields[name] for name in _PLAIN_FIELDS if form.fields.get(name)}
    plain |= {"id": form.fields["command"]} if form.fields.get("command") else {}
    tags = {"tags": [form.fields["tag"]]} if form.fields.get("tag") else {}
    return said_in({**plain, **tags})


def _media_type(form: Form, name: str) -> MediaType:
    """What the sender says that the file is; by its name where a browser does not know. Raises Refusal."""
    found = next((sort for sort in EXTENSIONS if sort == form.media_type), None) or claimed_by(name)
    if found is None:
        raise Refusal("FILE_TYPE_REFUSED")
    return found
