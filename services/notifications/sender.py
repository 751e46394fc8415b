"""One message to one person: its words, its link, and the channels in their order."""

import hashlib
import secrets
from dataclasses import dataclass

from schemas.vocabulary import Channel, Mode
from services.notifications import store, texts
from services.notifications.channels import Channels, Message, NotTaken
from services.notifications.commits import Store
from services.notifications.contacts import Contacts
from services.notifications.escalation import ToTell
from services.notifications.matter import UNATTACHED
from services.notifications.rules import Chain
from services.notifications.store import LinkRow
from services.runtime import logs

SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class Report:
    """What one channel said: ``failure`` is None when it took the message."""

    channel: Channel
    failure: str | None
    receipt: str | None
    is_last: bool


class Sender:
    """Puts a message into words and hands it to the first channel that takes it."""

    def __init__(self, channels: Channels, contacts: Contacts, rows: Store, base: str) -> None:
        self._channels = channels
        self._contacts = contacts
        self._rows = rows
        self.base = base

    async def send(
        self, chain: Chain, told: ToTell, reference: str, *, repeated: bool, is_hidden: bool
    ) -> list[Report]:
        """Try the chain's channels in order; what each said, ending with the one that took the message."""
        link = f"{self.base}/k/{await self._make_link(chain, told)}"
        sort = None if is_hidden or chain.type == UNATTACHED else chain.type
        about = (chain.mode, chain.priority)
        message = Message(
            texts.subject(*about, chain.ref, repeated),
            texts.message(*about, sort, chain.ref, link, repeated),
            reference,
            None if is_hidden else chain.trace,
            rehearsed=chain.mode == Mode.EXERCISE,
        )
        contact, reports = self._contacts.get(told.person), []
        for place, channel in enumerate(chain.channels, start=1):
            outcome = await self._channels.send(channel, contact, message)
            failure = outcome.code if isinstance(outcome, NotTaken) else None
            receipt = None if isinstance(outcome, NotTaken) else outcome.receipt
            reports.append(Report(channel, failure, receipt, place == len(chain.channels)))
            if failure is None:
                break
        return reports

    async def _make_link(self, chain: Chain, told: ToTell) -> str:
        """A new secret for one person and one chain; only its hash is kept."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        row = LinkRow(
            secret_hash=hash_of(secret),
            chain=chain.id,
            person=told.person,
            watch=chain.watch_of(told.step),
        )
        try:
            await self._rows.run(store.add([row]))
        except Exception as fault:
            logs.get(watch=chain.watch, chain=chain.id).error("link.not_kept", exc_info=fault)
        return secret


def hash_of(secret: str) -> str:
    """What is kept of a link's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def words_of(chain: Chain, *, is_hidden: bool) -> dict[str, str]:
    """What the phone page says of a chain: no more than the message."""
    return {
        "mode": texts.mode_word(chain.mode),
        "priority": texts.priority_word(chain.priority),
        "type": "" if is_hidden or chain.type == UNATTACHED else texts.type_word(chain.type),
        "ref": chain.ref or "",
    }
