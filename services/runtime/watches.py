"""The organisations and watches that have credentials, and how a running hub learns of new ones."""

import asyncio
import os
import signal
from collections.abc import Iterable, Sequence

import orjson
from nats.errors import NoRespondersError

from services.runtime import accounts, credentials, names, processes
from services.runtime.connect import BrokerRefused, BrokerUnreachable, connect
from services.runtime.settings import Settings

Pair = tuple[str, str]
SUPERVISOR_RECORD = "supervisor.json"
EXERCISES = "exercises.json"

_POLL_S = 0.1
_REQUEST_S = 1.0


class NotAnswered(Exception):
    """A new watch's credential got no answer in time."""


def load_watches(settings: Settings) -> list[Pair]:
    """The pairs of organisation and watch that were kept last; empty in a new home."""
    path = settings.nats_home / "watches.json"
    if not path.exists():
        return []
    return [(org, watch) for org, watch in orjson.loads(path.read_bytes())]


def save_watches(settings: Settings, watches: Iterable[Pair]) -> None:
    """Keep the pairs for the next start."""
    settings.nats_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials.write_durably(settings.nats_home / "watches.json", orjson.dumps(sorted(set(watches))))


def accounts_text(settings: Settings, watches: Sequence[Pair]) -> str:
    """The accounts of the watches for the broker's configuration; missing keys are made."""
    exercises = load_exercises(settings)
    keys = credentials.public_keys(settings.credentials, accounts.users(watches, exercises))
    return accounts.render(watches, keys, exercises)


def announce(settings: Settings, watches: Iterable[Pair]) -> bool:
    """Keep the pairs and tell the running hub, if there is one, to take them over. True when there is."""
    save_watches(settings, watches)
    return _tell(settings)


def load_exercises(settings: Settings) -> dict[str, list[Pair]]:
    """The watches that have a credential in each exercise, by its id."""
    path = settings.nats_home / EXERCISES
    if not path.exists():
        return {}
    kept = orjson.loads(path.read_bytes())
    return {id: [(org, watch) for org, watch in pairs] for id, pairs in kept.items()}


def admit_exercise(settings: Settings, exercise: str, watches: Iterable[Pair]) -> bool:
    """Give the watches credentials for one exercise, which end with it. True when a running hub was told."""
    kept = load_exercises(settings) | {exercise: sorted(set(watches))}
    settings.nats_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials.write_durably(settings.nats_home / EXERCISES, orjson.dumps(kept))
    return _tell(settings)


def dismiss_exercise(settings: Settings, exercise: str) -> bool:
    """Take the credentials of an exercise back, keys included. True when a running hub was told."""
    kept = {id: pairs for id, pairs in load_exercises(settings).items() if id != exercise}
    credentials.write_durably(settings.nats_home / EXERCISES, orjson.dumps(kept))
    for seed in settings.credentials.glob(f"exercise.{exercise}.*.nk"):
        seed.unlink(missing_ok=True)
    return _tell(settings)


def _tell(settings: Settings) -> bool:
    """Have the running hub take over what was kept."""
    record = settings.home / "run" / SUPERVISOR_RECORD
    if not record.exists():
        return False
    noted = orjson.loads(record.read_bytes())
    if noted["started"] is None or processes.started(noted["pid"]) != noted["started"]:
        return False
    os.kill(noted["pid"], signal.SIGHUP)
    return True


async def wait_until_answered(
    settings: Settings, org: str, watch: str, subject: str, patience_s: float
) -> None:
    """Return when a request on `subject` with the watch's own credential was answered. Raises NotAnswered."""
    await wait_until_user_answered(settings, names.watch_user(org, watch), subject, patience_s)


async def wait_until_user_answered(settings: Settings, user: str, subject: str, patience_s: float) -> None:
    """The same for any user. Raises NotAnswered."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                if await _is_answered(settings, user, subject):
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise NotAnswered(user) from None


async def _is_answered(settings: Settings, user: str, subject: str) -> bool:
    try:
        nc = await connect(settings, user, patience_s=_REQUEST_S)
    except (BrokerRefused, BrokerUnreachable):
        return False
    try:
        await nc.request(subject, b"{}", timeout=_REQUEST_S)
    except (NoRespondersError, TimeoutError):
        return False
    finally:
        await nc.close()
    return True
