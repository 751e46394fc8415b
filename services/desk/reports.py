"""What browsers report against the content security policy: counted, never kept, as it names addresses."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.desk.bodies import read_bytes
from services.runtime import logs


class Reports:
    """One count for the process."""

    def __init__(self) -> None:
        self.count = 0

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/csp-report", self.take, methods=["POST"])
        return router

    async def take(self, request: Request) -> Response:
        """Something on a page was stopped."""
        await read_bytes(request)
        self.count += 1
        logs.get(count=self.count).warning("desk.csp_report")
        return Response(status_code=204)
