"""The ways out to a person: an SMS gateway over HTTP, and mail. Each says taken, or why not; none raises."""

import asyncio
import json
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import aiosmtplib
import httpx

from schemas.people import Contact
from schemas.vocabulary import Channel
from services.runtime import logs, players
from services.runtime.settings import Settings
from services.runtime.tracing import HEADER, is_trace, parent_of

GATEWAY_S, MAIL_S = 5.0, 8.0
"""How long a channel may take, in seconds: together less than the 15 in which the second must be tried."""

DEFAULT_BODY = '{"to": "{to}", "text": "{text}", "reference": "{reference}"}'
NOT_CONFIGURED, NO_ADDRESS, TIMEOUT, UNREACHABLE = "NOT_CONFIGURED", "NO_ADDRESS", "TIMEOUT", "UNREACHABLE"
NO_RECEIPT, SAID_ERROR, FAULT = "NO_RECEIPT", "SAID_ERROR", "FAULT"
_CONNECTIONS = 100
_RECEIPT_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; ``reference`` is the same whenever the same message is sent again.

    ``trace`` is the trace id that a gateway hears of; None where it may tell nobody that there is one.
    ``rehearsed``: it belongs to an exercise, and goes to whoever plays its people, if somebody does.
    """

    subject: str
    text: str
    reference: str
    trace: str | None = None
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The channel took the message; nobody has been told yet."""

    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The channel did not take it, or did not say so."""

    code: str


Outcome = Taken | NotTaken


class Channels:
    """The channels of this installation; open it once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        self._http = httpx.AsyncClient(timeout=GATEWAY_S, limits=limits, trust_env=False)

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def send(self, channel: Channel, contact: Contact | None, message: Message) -> Outcome:
        """Hand a message to a channel, and say what it answered."""
        to = _address(channel, contact)
        if to is None:
            return NotTaken(NO_ADDRESS)
        try:
            player = players.address(self._settings.home) if message.rehearsed else None
            if player is not None:
                return await self._by_player(player, to, message)
            if channel is Channel.GATEWAY:
                async with asyncio.timeout(GATEWAY_S):
                    return await self._by_gateway(to, message)
            async with asyncio.timeout(MAIL_S):
                return await self._by_mail(to, message)
        except (TimeoutError, httpx.TimeoutException):
            return NotTaken(TIMEOUT)
        except Exception as fault:
            return NotTaken(_fault_code(fault))

    async def _by_player(self, player: str, to: str, message: Message) -> Outcome:
        """As to a gateway with the settings that come with the hub."""
        body = {"to": to, "text": message.text, "reference": message.reference}
        answer = await self._http.post(player, json=body, headers=_traced(message))
        return read_answer(answer.status_code, answer.content, players.RECEIPT)

    async def _by_gateway(self, to: str, message: Message) -> Outcome:
        if not self._settings.gateway_url:
            return NotTaken(NOT_CONFIGURED)
        values = {"to": to, "text": message.text, "reference": message.reference}
        body = self._settings.gateway_body or DEFAULT_BODY
        is_json = body.lstrip().startswith(("{", "["))
        answer = await self._http.post(
            fill(self._settings.gateway_url, values, _in_address),
            content=fill(body, values, _in_json if is_json else _in_address),
            headers=self._headers(values, is_json) | _traced(message),
        )
        return read_answer(answer.status_code, answer.content, self._settings.gateway_receipt_field)

    def _headers(self, values: dict[str, str], is_json: bool) -> dict[str, str]:
        sort = "application/json" if is_json else "application/x-www-form-urlencoded"
        headers = {"content-type": sort, "idempotency-key": values["reference"]}
        for line in self._settings.gateway_headers.get_secret_value().splitlines():
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = fill(value.strip(), values, _in_header)
        return headers

    async def _by_mail(self, to: str, message: Message) -> Outcome:
        settings = self._settings
        if not settings.smtp_host:
            return NotTaken(NOT_CONFIGURED)
        await aiosmtplib.send(
            compose(settings.smtp_sender, to, message),
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password.get_secret_value() or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=MAIL_S,
        )
        return Taken()


def compose(sender: str, to: str, message: Message) -> EmailMessage:
    """A mail; raises ValueError for an address or a subject that would start another header."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = message.subject
    mail["Message-ID"] = f"<{message.reference}@samvirke>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def fill(template: str, values: dict[str, str], escape: Any) -> str:
    """A template with ``{to}``, ``{text}`` and ``{reference}`` filled in, escaped for where they stand."""
    parts = template.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        filled.append(escape(values[name]) + rest if brace and name in values else "{" + part)
    return "".join(filled)


def read_answer(status: int, content: bytes, receipt_field: str) -> Outcome:
    """What a gateway's answer means: 200 is not enough when the body says error, or lacks the receipt."""
    if not 200 <= status < 300:
        return NotTaken(f"HTTP_{status}")
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and any(answer.get(key) for key in ("error", "errors", "error_code")):
        return NotTaken(SAID_ERROR)
    if not receipt_field:
        return Taken()
    receipt = _dig(answer, receipt_field.split("."))
    return (
        Taken(str(receipt)[:_RECEIPT_CHARACTERS])
        if receipt not in (None, "", False)
        else NotTaken(NO_RECEIPT)
    )


def _dig(answer: Any, path: list[str]) -> Any:
    """The value at a path such as ``messages.0.id``, or None."""
    for key in path:
        if isinstance(answer, list) and key.isdigit() and int(key) < len(answer):
            answer = answer[int(key)]
        elif isinstance(answer, dict):
            answer = answer.get(key)
        else:
            return None
    return answer


def _address(channel: Channel, contact: Contact | None) -> str | None:
    if contact is None:
        return None
    return contact.phone if channel is Channel.GATEWAY else contact.email


def _traced(message: Message) -> dict[str, str]:
    return {HEADER: parent_of(message.trace)} if is_trace(message.trace) else {}


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _in_address(value: str) -> str:
    return quote(value, safe="")


def _in_header(value: str) -> str:
    return "".join(character for character in value if 32 <= ord(character) < 127)


def _fault_code(fault: Exception) -> str:
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return f"SMTP_{fault.code}"
    if isinstance(fault, httpx.ConnectError | aiosmtplib.SMTPConnectError | OSError):
        return UNREACHABLE
    logs.get().error("channel.fault", exc_info=fault)
    return FAULT
