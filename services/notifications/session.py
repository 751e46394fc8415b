"""Whether the one who looks at the phone page is signed in at the desk; room people knows."""

from collections.abc import Mapping

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import people, subjects

COOKIES = ("__Host-samvirke-session", "samvirke-session")
"""The desk's session, with TLS and without; cookies belong to a host, whatever the port."""

_TIMEOUT_S = 1.0


class Sessions:
    """Asks room people about the desk's session; a page without an answer goes without a link."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def person(self, cookies: Mapping[str, str], mode: str, watch: str) -> str | None:
        """The person who is signed in, or None."""
        secret = next((cookies[name] for name in COOKIES if name in cookies), None)
        if not secret:
            return None
        subject = subjects.query(mode, *subjects.split_key(watch), people.TRADE, "session")
        try:
            reply = await self._nc.request(subject, orjson.dumps({"secret": secret}), timeout=_TIMEOUT_S)
            answer = orjson.loads(reply.data)
        except (NatsError, TimeoutError, OSError, ValueError):
            return None
        person = answer.get("person")
        return person if isinstance(person, str) else None
