"""The room notifications: its commands, questions and reactions as data, and how it starts and stops."""

import asyncio
import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any

from nats.aio.client import Client

from schemas import exercise, incidents, notifications, reports, subjects, watch
from services.notifications.asked import ShareQueries
from services.notifications.channels import Channels
from services.notifications.commits import Store
from services.notifications.contacts import Contacts
from services.notifications.handlers import Handlers
from services.notifications.keeper import Keeper
from services.notifications.matter import OF_REPORTS
from services.notifications.pager import Pager
from services.notifications.paper import DutyPaper
from services.notifications.phone import Phone, make_app
from services.notifications.picture import GROWING, TRADES, Picture
from services.notifications.places import Places
from services.notifications.reactions import Reactions, asks
from services.notifications.sender import Sender
from services.notifications.session import Sessions
from services.runtime import fact_reaction, names, shares
from services.runtime.connect import connect
from services.runtime.database import open_database
from services.runtime.door import Door, Route
from services.runtime.fact_reaction import FactReaction
from services.runtime.footing import Footing
from services.runtime.http import Server
from services.runtime.kept import Keeping
from services.runtime.lasting import end_all, in_thread, lasting
from services.runtime.reaction import STARTING, Reaction, Source
from services.runtime.settings import Settings
from services.runtime.timers import Timers


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(notifications.SetPolicy, handlers.set_policy),
        Route(notifications.Acknowledge, handlers.acknowledge),
        Route(notifications.Decline, handlers.decline),
    )


def facts(reactions: Reactions, mode: str) -> fact_reaction.Source:
    """The facts that somebody may have to be told of: incidents, gaps in a roster, reports, deadlines.

    And those by which rows go.
    """
    told_of = (
        subjects.facts_of_trade(mode, incidents.TRADE),
        subjects.facts_of_trade(mode, watch.TRADE, watch.GapFound.name),
        *(subjects.facts_of_trade(mode, reports.TRADE, body.name) for body in OF_REPORTS),
        subjects.facts_of_trade(mode, exercise.TRADE, exercise.Discarded.name),
    )
    return fact_reaction.Source(mode, told_of, asks, reactions.on_fact)


def timers_fired(reactions: Reactions) -> Source:
    """The timers of chains, on a durable consumer."""
    fired = subjects.timer("*", "fired", "*")
    return Source(names.TIMERS, names.NOTIFICATIONS_DURABLE, fired, reactions.on_timer)


class NotificationsRoom:
    """Who is told: door, reactions, channels and the phone page."""

    name = "notifications"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.NOTIFICATIONS_LEDGER,
            TRADES,
            lambda mode: self._pictures[mode].apply,
            GROWING,
            self._keeping,
        )
        self._closing = contextlib.AsyncExitStack()
        self._reactions: list[Reaction | FactReaction] = []
        self.pager: Pager | None = None
        self._contacts: Contacts | None = None
        self._page: Server | None = None
        self._paper: DutyPaper | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when chains are driven, and door and page serve."""
        settings, later = self._settings, self._closing
        rows = Store(await in_thread(open_database, settings, self.name))
        later.push_async_callback(rows.close)
        channels = Channels(settings)
        later.push_async_callback(channels.close)
        self._contacts = Contacts(settings, rows)
        later.push_async_callback(self._contacts.close)
        later.push_async_callback(self._footing.close)
        _, ledger = await asyncio.gather(self._contacts.open(), self._footing.open())
        timers = Timers(await self._connect(names.NOTIFICATIONS_LEDGER))
        await timers.open()
        sender = Sender(channels, self._contacts, rows, settings.public_phone_url.rstrip("/"))
        pager = self.pager = Pager(ledger, timers, rows, sender, self._pictures)
        later.push_async_callback(pager.close)
        handlers = Handlers(pager, self._pictures)
        await self._open_page(handlers, rows, sender)
        await self._drive(pager)
        paper = self._paper = DutyPaper(settings.home, self._pictures, self._contacts)
        await self._open_door(handlers, paper, rows)
        await self._react(Reactions(pager, self._pictures), Places(rows))
        self._contacts.on_forgotten = paper.printer.ask
        paper.printer.start()
        later.push_async_callback(paper.printer.stop)

    async def stop(self) -> None:
        """Close in the reverse order: first what takes in, last what it stands on."""
        await self._closing.aclose()

    def _keeping(self, mode: str) -> Keeping:
        picture = self._pictures[mode]
        return picture.dump, picture.load

    def health(self) -> dict[str, object]:
        """Whether facts and timers are heard, and how many chains are open or overdue."""
        state = self._footing.health()
        reasons = [one.reason for one in self._reactions] or [STARTING]
        reason = next((one for one in reasons if one is not None), None)
        running = self._page is not None and self._page.running
        running = running and bool(self._tasks) and not any(task.done() for task in self._tasks)
        follows = self._contacts is not None and self._contacts.follows
        counts: dict[str, Any] = self.pager.counts() if self.pager else {}
        pending = sum(one.pending for one in self._reactions)
        printer = self._paper.printer if self._paper else None
        paper = printer.health if printer else {}
        is_fresh = printer is None or printer.is_fresh
        ok = bool(state["ok"]) and reason is None and running and follows and is_fresh
        return state | counts | {"ok": ok, "reaction": reason, "pending": pending} | paper

    @property
    def phone_port(self) -> int:
        """The port of the phone page."""
        return self._page.port if self._page else 0

    async def _connect(self, user: str) -> Client:
        nc = await connect(self._settings, user)
        self._closing.push_async_callback(nc.close)
        return nc

    async def _open_page(self, handlers: Handlers, rows: Store, sender: Sender) -> None:
        settings = self._settings
        sessions = Sessions(await self._connect(names.PHONE))
        phone = Phone(handlers, rows, sessions, settings)
        self._page = Server(
            make_app(phone), settings.host, settings.port_phone, settings.tls_cert, settings.tls_key
        )
        await self._page.start()
        sender.base = sender.base or f"{settings.web}://{settings.host}:{self._page.port}"
        self._closing.push_async_callback(self._page.stop)

    async def _drive(self, pager: Pager) -> None:
        """Take up the open chains, and look after them from now on."""
        keeper = Keeper(pager, self._pictures)
        for picture in self._pictures.values():
            picture.on_end = keeper.hear
        await keeper.restore()
        for mode, picture in self._pictures.items():
            picture.on_manning = partial(pager.wake_watch, mode)
            picture.on_clock = partial(pager.wake_exercises, mode)
            picture.on_discard = partial(pager.discard, mode)
        self._run(keeper.run(), "notifications.keeper")

    async def _open_door(self, handlers: Handlers, paper: DutyPaper, rows: Store) -> None:
        settings = self._settings
        door = Door(
            settings,
            names.NOTIFICATIONS_DOOR,
            notifications.TRADE,
            commands=routes(handlers),
            queries={
                "chains": handlers.chains,
                "paper": paper.asked,
                shares.WHAT: ShareQueries(rows, self._pictures).exercise,
            },
            gates=self._footing.gates,
        )
        self._closing.push_async_callback(door.stop)
        await door.start()

    async def _react(self, reactions: Reactions, places: Places) -> None:
        settings, user = self._settings, names.NOTIFICATIONS_REACTION
        to_facts = (
            FactReaction(settings, user, self.name, facts(reactions, mode), places) for mode in settings.modes
        )
        to_timers = Reaction(settings, user, self.name, [timers_fired(reactions)])
        wanted: list[Reaction | FactReaction] = [*to_facts, to_timers]
        for reaction in wanted:
            self._closing.push_async_callback(reaction.stop)
            await reaction.start()
            self._reactions.append(reaction)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = lasting(work, name)
        self._tasks.append(task)
        self._closing.push_async_callback(end_all, [task])


def build(settings: Settings) -> NotificationsRoom:
    """The room, not yet started."""
    return NotificationsRoom(settings)
