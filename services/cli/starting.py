"""What `up` does beside running the hub: says each step, applies the file once, sends what waits."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from schemas.vocabulary import Mode
from services.cli import upkeep
from services.cli.failures import explain, failed
from services.cli.frame import Call, Outcome
from services.cli.links import desk_address, link_to, write_links
from services.cli.texts import language, say
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.notify import Manager
from services.runtime.settings import Settings
from services.runtime.spool import resend_all
from services.runtime.supervisor import Supervisor, log_to_home
from services.runtime.watches import load_watches

if TYPE_CHECKING:
    from schemas.centre import Centre

RESEND_S = 5.0
LISTEN_S = 0.5
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "home": "Starts in {path} …",
        "centre": "The centre is in force: {accepted} entries, {refused} refused.",
        "restart": "The process {name} has ended and is started again; no data is lost.",
        "restart.SILENT": "The process {name} no longer answered and is started again; no data is lost.",
        "waiting": "Still starts: {name} …",
        "reloaded": "{watches} watches are known now.",
        "upkeep": "Stands still for: {work} …",
        "stopping": "Stops …",
        "stopped": "Stopped. All data is kept.",
    }
)
"""What people are told of a step; all others are for machines (--json) and the log."""
_MARK = "applying"
"""File in HOME while a centre file is being applied for the first time: after a crash it is applied again."""


def watches_in(settings: Settings) -> list[tuple[str, str]]:
    """The watches that this home knows from an earlier start."""
    return load_watches(settings)


class Starting:
    """Follows a hub that starts; its work runs in the supervisor's loop once the hub is ready."""

    def __init__(self, call: Call, settings: Settings, centre: "Centre | None", is_example: bool) -> None:
        self._call = call
        self._settings = settings
        self._centre = centre
        self._is_example = is_example
        self._tasks: set[asyncio.Task[None]] = set()
        self._supervisor: Supervisor | None = None
        self._tell_asker: Callable[[], None] | None = None

    def run(self) -> None:
        """Run the hub until it is interrupted; between two runs, do what needs a hub that stands still.

        Raises AlreadyRunning and whatever else keeps it from starting.
        """
        log_to_home(self._settings)
        upkeep.forget_questions(self._settings)
        while True:
            self._supervisor = Supervisor(self._settings, self.watches(), self.say)
            try:
                asyncio.run(self._supervisor.run())
            finally:
                self._answer_asker()
            work = upkeep.asked(self._settings)
            if work is None:
                return
            Manager().stands_still()
            self._tell("upkeep", {"work": work})
            self._tell_asker = upkeep.do(self._settings, lambda error: dict(explain(self._call, error).data))

    def _answer_asker(self) -> None:
        """Tell whoever asked for work that it is done, once the hub runs again, or does not."""
        if self._tell_asker is not None:
            self._tell_asker()
            self._tell_asker = None

    def watches(self) -> list[tuple[str, str]]:
        """All watches that need a credential: the file's, and those known before."""
        from services.cli.applying import watches_of

        known = set(watches_in(self._settings))
        return sorted(known | set(watches_of(self._centre) if self._centre else ()))

    def say(self, step: str, parameters: Mapping[str, object]) -> None:
        """Tell one step of the supervisor, and begin the rest when it is ready."""
        if step == "ready":
            self._answer_asker()
            self._begin(self._settle())
            self._begin(self._resend())
            self._begin(self._listen())
            return
        if step == "stopping":
            for task in self._tasks:
                task.cancel()
        self._tell(step, parameters)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, step: str, parameters: Mapping[str, object]) -> None:
        if self._call.as_json:
            print(json.dumps({"step": step, **parameters}, ensure_ascii=False, default=str), flush=True)
            return
        lang = language(self._call.lang)
        text = STEPS.get(f"{step}.{parameters.get('code')}") or STEPS.get(step)
        if text is not None:
            print(say(text, lang, **parameters), flush=True)
        elif parameters.get("served") is False:
            print(say("Port {port} is taken: health is not shown.", lang, **parameters), flush=True)

    async def _settle(self) -> None:
        """Apply the file to an empty hub, then say that all is ready."""
        try:
            links = await self._apply_once()
        except Exception as error:
            self._complain(explain(self._call, error))
            return
        self._say_ready(links)

    async def _apply_once(self) -> str | None:
        from services.cli import applying

        mark = self._settings.home / _MARK
        if self._centre is None or not (mark.exists() or await self._is_empty()):
            return None
        mark.touch()
        applied = await applying.apply(
            self._settings, self._centre, [Mode(mode) for mode in self._settings.modes]
        )
        self._tell("centre", {"accepted": applied.accepted, "refused": len(applied.refused)})
        links = await self._write_links(self._centre) if self._is_example else None
        mark.unlink()
        return links

    async def _write_links(self, centre: "Centre") -> str:
        from services.cli import applying

        paths = await applying.make_links(self._settings, centre)
        lines = [
            "\t".join((one.key, one.name, _roles(centre, one.key), link_to(self._settings, paths[one.key])))
            for one in centre.persons
            if one.key in paths
        ]
        return str(await asyncio.to_thread(write_links, self._settings, lines))

    async def _is_empty(self) -> bool:
        """True if nothing was ever stored in any mode."""
        nc = await connect(self._settings, names.OPS)
        try:
            infos = [await nc.jetstream().stream_info(names.ledger(mode)) for mode in self._settings.modes]
        finally:
            await nc.close()
        return all(info.state.last_seq == 0 for info in infos)

    def _say_ready(self, links: str | None) -> None:
        parameters = {
            "api": desk_address(self._settings),
            "links": links or self._settings.credentials / "links.txt",
            "credentials": self._settings.credentials,
        }
        if self._call.as_json:
            self._tell("ready", parameters)
            return
        lang = language(self._call.lang)
        parts = [say("Ready. Desk and API: {api}", lang, **parameters)]
        if self._is_example:
            parts.append(say("Sign-in links: {links}", lang, **parameters))
        parts += [
            say("Machine credentials: {credentials}", lang, **parameters),
            say("Ctrl+C stops it.", lang),
        ]
        print(*parts, sep=" · ", flush=True)

    def _complain(self, outcome: Outcome) -> None:
        if self._call.as_json:
            print(json.dumps(outcome.data, ensure_ascii=False, default=str), flush=True)
        else:
            print(*outcome.lines, sep="\n", file=sys.stderr, flush=True)

    async def _listen(self) -> None:
        """Stand still when somebody asks for work that needs it."""
        while True:
            if await asyncio.to_thread(upkeep.asked, self._settings) and self._supervisor is not None:
                self._supervisor.ask_to_stop()
            await asyncio.sleep(LISTEN_S)

    async def _resend(self) -> None:
        """Send what waits in the spools, again and again."""
        while True:
            try:
                await resend_all(self._settings)
            except Exception as error:
                self._complain(failed(self._call, "FAULT", reason=type(error).__name__))
            await asyncio.sleep(RESEND_S)


def _roles(centre: "Centre", key: str) -> str:
    return ", ".join(f"{role.role.value} {role.where}" for role in centre.roles if key in role.persons)
