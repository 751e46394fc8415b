"""The room desk: people's pages and the HTTP interface, on one port."""

import asyncio

from nats.aio.client import Client

from services.desk.asker import Identity
from services.desk.boards import Boards
from services.desk.edges import Edges
from services.desk.feeds import FeedRoutes
from services.desk.frame import Frame
from services.desk.live import Lives
from services.desk.looking import Looking
from services.desk.pages import Pages
from services.desk.readings import Readings
from services.desk.screens import Screens
from services.desk.sign_in import SignInPages
from services.desk.situation import Situation
from services.desk.web import build_app
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.http import Server
from services.runtime.lasting import lasting
from services.runtime.settings import Settings


class DeskRoom:
    """What people and programs reach over HTTP."""

    name = "desk"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._edges = Edges(settings)
        self._lives = Lives()
        self._nc: Client | None = None
        self._server: Server | None = None
        self._boards: Boards | None = None
        self._screens: Screens | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """Where it listens; 0 before it has started."""
        return 0 if self._server is None else self._server.port

    async def start(self) -> None:
        """Return when requests are taken."""
        settings = self._settings
        self._nc = await connect(settings, names.DESK)
        identity = Identity(settings, self._edges)
        boards = self._boards = Boards(self._nc, settings.modes, settings.home)
        frame = Frame(identity, boards, self._nc)
        readings = Readings(self._edges)
        screens = self._screens = Screens(boards, frame.pulse, readings.note)
        await boards.open()
        self._tasks = [lasting(screens.run(), "desk.screens"), lasting(readings.run(), "desk.readings")]
        feeds = FeedRoutes(identity, self._nc, self._lives)
        pages = [
            Pages(identity, frame, screens, readings).router(),
            Looking(identity, frame).router(),
            Situation(identity, frame).router(),
            SignInPages(identity, self._edges, frame).router(),
        ]
        app = build_app(identity, feeds, pages, boards.drawing)
        self._server = Server(app, settings.host, settings.port_desk, settings.tls_cert, settings.tls_key)
        await self._server.start()

    async def stop(self) -> None:
        """End the streams, then the server, then the connections."""
        self._lives.end()
        if self._screens is not None:
            self._screens.end()
        if self._server is not None:
            await self._server.stop()
        for task in self._tasks:
            task.cancel()
        if self._boards is not None:
            await self._boards.close()
        await self._edges.close()
        if self._nc is not None:
            await self._nc.close()

    def health(self) -> dict[str, object]:
        """Whether requests are taken, and how many streams are open."""
        running = self._server is not None and self._server.running
        connected = self._nc is not None and self._nc.is_connected
        streams = {
            "streams": self._lives.count,
            "screens": 0 if self._screens is None else self._screens.count,
        }
        board = {} if self._boards is None else self._boards.health()
        return {"ok": running, "connected": connected, "port": self.port, **streams, **board}


def build(settings: Settings) -> DeskRoom:
    """The room, not yet started."""
    return DeskRoom(settings)
