"""Connections to the broker: by nkey, under an inbox of the user's own, for ever reconnecting."""

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client
from nats.errors import AuthorizationError, StaleConnectionError

from services.runtime import logs, names

if TYPE_CHECKING:
    from services.runtime.settings import Settings

RECONNECT_WAIT_S = 0.25
PATIENCE_S = 30.0
_POLL_S = 0.05


_lost: list[str] = []


class BrokerUnreachable(Exception):
    """The broker does not answer: not started, or another address."""


class BrokerRefused(Exception):
    """The broker does not know this user's key."""


async def connect(
    settings: "Settings", user: str, *, patience_s: float = PATIENCE_S, **options: Any
) -> Client:
    """A connection as `user`; waits up to `patience_s` seconds for the broker to answer.

    Raises BrokerUnreachable when it does not, BrokerRefused when it turns the key down.
    `options` go to nats-py.
    """
    errors = _Errors(user)
    client = _Client(user)
    try:
        async with asyncio.timeout(patience_s):
            await _wait_for_credential(Path(options.get("nkeys_seed") or seed_file(settings, user)))
            settled = {"servers": [await _wait_for_listener(settings)]}
            opening = asyncio.create_task(
                client.connect(
                    **(client_options(settings, user) | settled | {"error_cb": errors.note} | options)
                )
            )
            await _first(opening, errors)
    except TimeoutError:
        raise BrokerUnreachable(address(settings) or "no address") from None
    return client


def client_options(settings: "Settings", user: str) -> dict[str, Any]:
    """Arguments of nats-py's `connect` for a user; the same for every connection of the hub."""
    return {
        "servers": [address(settings)],
        "name": user,
        "nkeys_seed": str(seed_file(settings, user)),
        "inbox_prefix": names.inbox(user),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_WAIT_S,
        "error_cb": _Errors(user).note,
        **_protection(settings),
    }


def _protection(settings: "Settings") -> dict[str, Any]:
    """With an address `tls://…` not one byte goes out before the broker has shown its certificate."""
    if not address(settings).startswith("tls://"):
        return {}
    logging.getLogger("asyncio").addFilter(_is_worth_saying)
    context = ssl.create_default_context(cafile=settings.nats_ca)
    return {"tls": context, "tls_handshake_first": True}


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """asyncio remarks at the end of every TLS connection how nats-py reads; it does not matter."""
    return "eof_received" not in record.getMessage()


def faststream_options(settings: "Settings", user: str) -> dict[str, Any]:
    """The same for `NatsBroker(**options)`.

    A JetStream subscriber needs `inbox_prefix` once more, as bytes: FastStream does not hand it on.
    """
    from faststream.nats.security import NatsNKey

    async def closed() -> None:
        _lost.append(user)

    options = client_options(settings, user)
    del options["nkeys_seed"]
    tls = options.pop("tls", None)
    is_first = bool(options.pop("tls_handshake_first", False))
    security = NatsNKey(seed_file(settings, user), ssl_context=tls, tls_handshake_first=is_first)
    return options | {"security": security, "logger": None, "closed_cb": closed}


def lost_connections() -> tuple[str, ...]:
    """Users whose connections were closed by other than their owner: nothing will open them again.

    A FastStream broker counts as soon as it stops; ask only while the rooms run.
    """
    return tuple(_lost)


def address(settings: "Settings") -> str:
    """The broker's address: the setting, else what a running `up` wrote to HOME, else empty."""
    if settings.nats_url:
        return settings.nats_url
    with contextlib.suppress(FileNotFoundError):
        return settings.address_file.read_text(encoding="ascii").strip()
    return ""


def seed_file(settings: "Settings", user: str) -> Path:
    """Where the seed of a user lies."""
    return settings.credentials / f"{user}.nk"


async def _wait_for_credential(seed: Path) -> None:
    while True:
        if await asyncio.to_thread(seed.exists):
            return
        await asyncio.sleep(_POLL_S)


async def _wait_for_listener(settings: "Settings") -> str:
    """The address once something listens there; read anew each time, as a starting broker may move."""
    while True:
        url = address(settings)
        host, _, port = url.rpartition("/")[2].rpartition(":")
        with contextlib.suppress(OSError, ValueError):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return url
        await asyncio.sleep(_POLL_S)


async def _first(opening: asyncio.Task[None], errors: "_Errors") -> None:
    """Wait for the connection or for a refusal, whichever is first."""
    refusal = asyncio.create_task(errors.refused.wait())
    try:
        await asyncio.wait({opening, refusal}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            raise BrokerRefused(errors.user)
        await opening
    finally:
        refusal.cancel()
        opening.cancel()


class _Client(Client):
    """Knows whether its owner closed it, never goes on deaf, and reads plain headers quickly."""

    def __init__(self, user: str) -> None:
        super().__init__()
        self._user = user
        self._is_leaving = False

    async def close(self) -> None:
        self._is_leaving = True
        await super().close()

    async def drain(self) -> None:
        self._is_leaving = True
        await super().drain()

    async def _process_pong(self) -> None:
        """Take the answer to a ping also when nobody waits for it any more: nats-py would end its reading."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _read_loop(self) -> None:
        """Open the connection anew when a fault has ended the reading, as nats-py does for a lost line."""
        await super()._read_loop()
        if self.is_connected:
            await self._process_op_err(StaleConnectionError())

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """``Name: value`` a line, as the broker writes them; anything else as nats-py reads it."""
        try:
            return dict(line.split(": ", 1) for line in raw.decode("ascii").split("\r\n") if line)
        except ValueError:
            return Client._parse_header_lines(raw)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        if status == Client.CLOSED and not self._is_leaving:
            _lost.append(self._user)
        await super()._close(status, do_cbs)


class _Errors:
    """nats-py's error callback: says each kind of error once, and remembers a refusal."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.refused = asyncio.Event()
        self._said: set[str] = set()

    async def note(self, error: Exception) -> None:
        if isinstance(error, AuthorizationError) or "authorization violation" in str(error).lower():
            self.refused.set()
        kind = f"{type(error).__qualname__}:{str(error)[:80]}"
        if kind not in self._said and len(self._said) < 100:
            self._said.add(kind)
            logs.get(user=self.user).warning("broker.error", error_type=type(error).__qualname__)
