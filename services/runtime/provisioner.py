"""The only one who declares streams and consumers: makes what is missing, widens, and never narrows."""

import shutil
from dataclasses import dataclass
from typing import Literal

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DiscardPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from services.runtime import names
from services.runtime.connect import connect
from services.runtime.settings import Settings
from services.runtime.streams import Plan, plan

_TIMEOUT_S = 10.0
_WORTH_WIDENING = 1.5
_LIMITS = ("max_age", "max_msgs", "max_msgs_per_subject", "max_msg_size")
_PROTECTIONS = ("deny_delete", "deny_purge")
_ABILITIES = ("allow_direct", "allow_atomic", "allow_msg_ttl", "allow_msg_schedules", "allow_rollup_hdrs")
_OF_DURABLES = ("ack_wait", "max_ack_pending", "max_deliver", "filter_subject", "filter_subjects")
_SIZES = ("duplicate_window", "num_replicas")


class WouldNarrow(Exception):
    """What is asked would drop, or let someone drop, messages that the stream keeps now."""

    def __init__(self, stream: str, field: str) -> None:
        super().__init__(f"{stream}: {field}")
        self.stream = stream
        self.field = field


class ProvisionFailed(Exception):
    """The broker turned a declaration down."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one stream, or to one consumer `<stream>.<name>`."""

    what: Literal["created", "widened"]
    name: str


async def provision(settings: Settings) -> list[Change]:
    """Bring the broker to the plan for this disk; an empty list when nothing was to be done."""
    home = settings.home
    free = settings.stream_bytes or shutil.disk_usage(home).free
    nc = await connect(settings, names.PROVISIONER)
    try:
        return await apply(nc, plan(free, replicas=settings.replicas))
    finally:
        await nc.close()


async def apply(nc: Client, wanted: Plan) -> list[Change]:
    """Declare all of a plan. Raises WouldNarrow before anything else is changed, or ProvisionFailed."""
    js = nc.jetstream(timeout=_TIMEOUT_S)
    try:
        steps = [step for stream in wanted.streams if (step := await _stream_step(js, stream)) is not None]
        changes = [await _declare(js, *step) for step in steps]
        for stream, durable in wanted.durables:
            changes += await _declare_durable(js, stream, durable)
    except APIError as error:
        raise ProvisionFailed(f"{error.err_code} {error.description}") from None
    return changes


def reconcile(existing: StreamConfig, wanted: StreamConfig) -> StreamConfig | None:
    """The existing stream with what may be widened, or None if nothing is to be. Raises WouldNarrow."""
    name = str(wanted.name)
    _refuse_narrowing(name, existing, wanted)
    changed = [field for field in (*_LIMITS, *_PROTECTIONS, "discard") if _differs(field, existing, wanted)]
    changed += [field for field in _ABILITIES if getattr(wanted, field) and not getattr(existing, field)]
    changed += [field for field in _SIZES if getattr(wanted, field) > getattr(existing, field)]
    if set(wanted.subjects or ()) != set(existing.subjects or ()):
        changed.append("subjects")
    if _is_roomier(existing, wanted):
        changed.append("max_bytes")
    return existing.evolve(**{field: getattr(wanted, field) for field in changed}) if changed else None


def _refuse_narrowing(name: str, existing: StreamConfig, wanted: StreamConfig) -> None:
    for field in _LIMITS:
        if _reach(wanted, field) < _reach(existing, field):
            raise WouldNarrow(name, field)
    for field in _PROTECTIONS:
        if getattr(existing, field) and not getattr(wanted, field):
            raise WouldNarrow(name, field)
    if existing.discard == DiscardPolicy.NEW and wanted.discard != DiscardPolicy.NEW:
        raise WouldNarrow(name, "discard")
    if not set(existing.subjects or ()) <= set(wanted.subjects or ()):
        raise WouldNarrow(name, "subjects")


def _is_roomier(existing: StreamConfig, wanted: StreamConfig) -> bool:
    """Free room moves from hour to hour; only a much larger disk is worth a new reservation."""
    if _reach(existing, "max_bytes") == float("inf"):
        return False
    return _reach(wanted, "max_bytes") > _reach(existing, "max_bytes") * _WORTH_WIDENING


def _reach(config: StreamConfig, field: str) -> float:
    """A limit as a number: no limit is the largest."""
    value = getattr(config, field)
    return float("inf") if value is None or value <= 0 else float(value)


def _differs(field: str, existing: StreamConfig, wanted: StreamConfig) -> bool:
    if field in _LIMITS:
        return _reach(existing, field) != _reach(wanted, field)
    return bool(getattr(existing, field) != getattr(wanted, field))


async def _stream_step(js: JetStreamContext, wanted: StreamConfig) -> tuple[bool, StreamConfig] | None:
    """Whether to create, and what; None when the stream is as wanted."""
    try:
        existing = (await js.stream_info(str(wanted.name))).config
    except NotFoundError:
        return True, wanted
    update = reconcile(existing, wanted)
    return None if update is None else (False, update)


async def _declare(js: JetStreamContext, is_new: bool, config: StreamConfig) -> Change:
    if is_new:
        await js.add_stream(config)
    else:
        await js.update_stream(config)
    return Change("created" if is_new else "widened", str(config.name))


async def _declare_durable(js: JetStreamContext, stream: str, wanted: ConsumerConfig) -> list[Change]:
    """A durable keeps where it began: that is never changed."""
    name = f"{stream}.{wanted.name}"
    try:
        existing = (await js.consumer_info(stream, str(wanted.name))).config
    except NotFoundError:
        await js.add_consumer(stream, wanted)
        return [Change("created", name)]
    settled = {field: getattr(wanted, field) for field in _OF_DURABLES}
    if all(getattr(existing, field) == value for field, value in settled.items()):
        return []
    await js.add_consumer(stream, existing.evolve(**settled))
    return [Change("widened", name)]
