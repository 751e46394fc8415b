"""The verb that follows an organisation's feed, over HTTP or NATS: feed follow."""

import json
import os
import sys
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.failures import failed, refused
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.sending import local
from services.cli.texts import language, say
from services.words.shared import word

if TYPE_CHECKING:
    import httpx

feed = typer.Typer(help="What others share with an organisation.", no_args_is_help=True)

_PATIENCE_S = 45.0
"""The hub says something every 15 s; after three silences the connection is made anew."""
_OF_PROBLEMS = ("type", "title", "status", "code")
"""What every refusal over HTTP says; the rest are its parameters (RFC 9457)."""
_AGAIN_S = 1.0
_BROKER_S = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: str


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a stream; comments and unfinished events are left out."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line == "":
            if "data" in fields:
                name, identifier = fields.get("event", ["message"])[-1], fields.get("id", [""])[-1] or None
                yield Event(name, identifier, "\n".join(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            key, _, value = line.partition(":")
            fields.setdefault(key, []).append(value.removeprefix(" "))


def follow(
    call: Call,
    organisation: Annotated[str | None, typer.Argument(help="Whose feed; else the acting watch's.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of the hub.", envvar="SAMVIRKE_URL")] = None,
    token: Annotated[
        str | None, typer.Option(help="A token with scope feed.", envvar="SAMVIRKE_TOKEN")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this position.")] = None,
    count: Annotated[int, typer.Option(min=0, help="Leave after so many items; 0 goes on for ever.")] = 0,
    nats: Annotated[bool, typer.Option("--nats", help="Over NATS, with the credential of the feed.")] = False,
    seed: Annotated[
        Path | None, typer.Option(help="File of that credential; else the one in SAMVIRKE_HOME.")
    ] = None,
) -> Outcome | Coroutine[Any, Any, Outcome]:
    """Print each item as it comes; a lost connection goes on where it was."""
    if after is not None and not after.isascii():
        raise Usage("write a position as the feed said it")
    if nats or seed is not None:
        return over_nats(call, organisation or call.organisation, seed, after, count or -1)
    return _over_http(call, organisation or call.organisation, url, token, after, count or -1)


async def over_nats(
    call: Call, organisation: str, seed: Path | None, after: str | None, left: int
) -> Outcome:
    """Print the feed's items until ``left`` are printed, or the hub closes it.

    Raises BrokerUnreachable, BrokerRefused.
    """
    from services.runtime import logs, names
    from services.runtime.connect import connect
    from services.runtime.feed import Feed

    logs.configure("cli", "error")

    async def connected_again() -> None:
        following.look()

    if seed is not None and not seed.exists():  # noqa: ASYNC240
        raise FileNotFoundError(2, "no such file", str(seed))
    given: dict[str, Any] = {} if seed is None else {"nkeys_seed": str(seed)}
    user = names.watch_user(organisation, names.FEED_WATCH)
    nc = await connect(call.settings(), user, patience_s=_BROKER_S, reconnected_cb=connected_again, **given)
    following, was_heard = Feed(nc, call.mode, organisation, after), False
    try:
        async for told in following.events():
            if told.kind == "refused":
                return refused(call, told.found["code"], told.found.get("parameters", {}))
            was_heard |= told.kind != "waiting"
            if not was_heard:
                return failed(call, "NOT_CONNECTED")
            if told.kind in ("item", "reset"):
                _print(call, told.found)
            left -= told.kind == "item"
            if left == 0:
                break
    finally:
        await nc.close()
    return Outcome()


def _over_http(
    call: Call, organisation: str, url: str | None, token: str | None, after: str | None, left: int
) -> Outcome:
    import time

    from services.cli.links import desk_address

    address = f"{url or desk_address(call.settings())}/v1/feeds/{organisation}/events"
    following = _Following(call, address, token or _token_file(), after, left)
    while True:
        outcome = following.read()
        if outcome is not None:
            return outcome
        time.sleep(_AGAIN_S)


@dataclass(slots=True)
class _Following:
    """One feed, over as many connections as it takes."""

    call: Call
    address: str
    token: str | None
    seen: str | None
    left: int
    was_heard: bool = False

    def read(self) -> Outcome | None:
        """Print what comes over one connection; an outcome when there is nothing more to be done."""
        import httpx

        try:
            return self._print_items()
        except httpx.HTTPStatusError as error:
            return _turned_down(self.call, error, has_token=self.token is not None)
        except httpx.ConnectError:
            return None if self.was_heard else failed(self.call, "NOT_CONNECTED")
        except httpx.HTTPError:
            return None

    def _print_items(self) -> Outcome | None:
        for event in _stream(self.address, self.token, self.call.mode, self.seen):
            self.was_heard = True
            _print(self.call, json.loads(event.data))
            if event.id is None:
                continue
            self.seen = event.id
            self.left -= 1
            if self.left == 0:
                return Outcome()
        return None


def _stream(address: str, token: str | None, mode: str, seen: str | None) -> Iterator[Event]:
    import httpx

    headers = {"Accept": "text/event-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if seen:
        headers["Last-Event-ID"] = seen
    with httpx.stream("GET", address, params={"mode": mode}, headers=headers, timeout=_PATIENCE_S) as answer:
        if answer.is_error:
            answer.read()
        answer.raise_for_status()
        yield from events(answer.iter_lines())


def _turned_down(call: Call, error: "httpx.HTTPStatusError", *, has_token: bool) -> Outcome:
    try:
        problem: dict[str, Any] = error.response.json()
    except ValueError:
        problem = {}
    status = error.response.status_code
    code = problem.get("code") or ("TOKEN_NEEDED" if status in (401, 403) else "FAULT")
    if code == "TOKEN_ENDED" and not has_token:
        code = "TOKEN_NEEDED"
    if code == "NOT_ALLOWED":
        code = "TOKEN_UNFIT"
    parameters = {name: value for name, value in problem.items() if name not in _OF_PROBLEMS}
    return refused(call, code, {"reason": f"HTTP {status}", **parameters})


def _print(call: Call, item: dict[str, Any]) -> None:
    """An item, or that the positions begin anew."""
    if call.as_json:
        line = json.dumps(item, ensure_ascii=False)
    elif item.get("reset"):
        line = say("The feed begins anew: what you have of it may be outdated.", language(call.lang))
    else:
        content, kind = item.get("content") or {}, word(item.get("type"), language(call.lang))
        words = content.get("headline") or content.get("text") or item.get("notice") or kind
        line = "  ".join(
            str(part)
            for part in (
                local(item.get("recorded_at")),
                item.get("owner"),
                word(item.get("kind"), language(call.lang)),
                item.get("ref"),
                words,
            )
            if part
        )
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _token_file() -> str | None:
    """The token in the file that SAMVIRKE_TOKEN_FILE names."""
    path = os.environ.get("SAMVIRKE_TOKEN_FILE")
    return Path(path).read_text(encoding="ascii").strip() if path else None


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(feed, name="feed")
    verb(
        feed,
        "follow",
        "samvirke feed follow 4624 --json",
        "samvirke feed follow 4624 --after 1f0c9a2e.42",
        "samvirke feed follow 4624 --nats --seed 4624.feed.nk",
        acting=True,
    )(follow)
