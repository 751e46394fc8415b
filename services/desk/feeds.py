"""Feeds over HTTP: a page as JSON, and a stream that goes on where it was left (Last-Event-ID)."""

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from nats.aio.client import Client
from starlette.responses import Response

from schemas import subjects
from services.desk.api import reply
from services.desk.asker import Identity
from services.desk.live import STREAM, Live, Lives, StillHolds, Stream
from services.desk.problems import as_refusal, problem
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.feed import next_items
from services.runtime.reading import Refusal

_PAGE = 200


class FeedRoutes:
    """What each route does; ``nc`` is the desk's own connection."""

    def __init__(self, identity: Identity, nc: Client, lives: Lives) -> None:
        self._identity = identity
        self._nc = nc
        self._lives = lives

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter(prefix="/v1/feeds/{org}")
        router.add_api_route("", self.page, methods=["GET"])
        router.add_api_route("/events", self.events, methods=["GET"])
        return router

    async def page(self, request: Request, org: str) -> Response:
        """The next items after ``?after=<position>``."""
        await self._identity.feed(request, _token(org))
        asked = request.query_params
        limit = asked.get("limit", str(_PAGE))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= _PAGE):
            raise Refusal("MALFORMED", where=["limit"])
        mode = self._identity.mode(request)
        found = await next_items(self._nc, mode, org, asked.get("after"), int(limit))
        if found is None:
            raise Unanswered("feeds")
        if found["status"] != "ok":
            return problem(found["code"], found.get("parameters"))
        return reply(found)

    async def events(self, request: Request, org: str) -> Response:
        """Every item from ``Last-Event-ID`` on, as it comes; ends within 10 s of the token."""
        secret = await self._identity.feed(request, _token(org))
        mode = self._identity.mode(request)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        live = Live(self._nc, mode, org, after, self._holds(mode, org, secret))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(self._lives.follow(live), media_type=STREAM, headers=headers)

    def _holds(self, mode: str, org: str, secret: str) -> StillHolds:
        """Whether the token still holds; while nobody can say, it holds to the end that was last told."""
        until = datetime.max.replace(tzinfo=UTC)

        async def holds() -> bool:
            nonlocal until
            try:
                async with asyncio.timeout(4):
                    token = await self._identity.check_feed(mode, org, secret)
                until = datetime.fromisoformat(token["until"])
            except (Unanswered, TimeoutError):
                return datetime.now(UTC) < until
            except (Refusal, AskRefused) as fault:
                return as_refusal(fault)[0] not in ("TOKEN_ENDED", "NOT_ALLOWED")
            return True

        return holds


def _token(org: str) -> str:
    """The organisation's code. Raises Refusal when it could change a subject's meaning."""
    try:
        return subjects.token(org)
    except subjects.BadToken:
        raise Refusal("NOT_ALLOWED", act="feed") from None
