"""What the broker holds: one table of streams, the bucket of people and durable consumers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from schemas import subjects
from services.runtime import names
from services.runtime.epochs import BEGAN_KEY, EPOCH_KEY
from services.runtime.names import MODES, Mode

DEDUPLICATION_S = 3600.0
SHARES = {"actual": 4, "exercise": 1}
"""How the modes divide the room on disk."""

_ROOM_SHARE = 0.6
"""Part of the free disk that facts, contents and files reserve; the rest is for tables and backups."""
_PARTS = 15
_SMALL_BYTES = 64 * 1024 * 1024
_LEAST_BYTES = 16 * 1024 * 1024
_ACK_WAIT_S = 10.0
_MAX_PENDING = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """All that must exist; `durables` are pairs of stream and consumer."""

    streams: tuple[StreamConfig, ...]
    durables: tuple[tuple[str, ConsumerConfig], ...]


def plan(free_bytes: int, modes: Sequence[Mode] = MODES, replicas: int = 1, epoch: int = 1) -> Plan:
    """What must exist on a disk with `free_bytes` left, before anything was reserved there.

    A ledger that is made anew begins `epoch` now; one that exists keeps its own.
    """
    part = max(_LEAST_BYTES, int(free_bytes * _ROOM_SHARE / _PARTS))
    of_modes = ((_ledger(mode, part, epoch), _content(mode, part), _objects(mode, part)) for mode in modes)
    streams = [stream for those in of_modes for stream in those]
    streams += [_timers(), _parked(), _state(), _people()]
    fired = replace(_reaction(subjects.timer("*", "fired", "*")), num_replicas=replicas)
    return Plan(tuple(replace(stream, num_replicas=replicas) for stream in streams), ((names.TIMERS, fired),))


def _ledger(mode: Mode, part: int, epoch: int) -> StreamConfig:
    """Append-only: nothing is deleted, purged, aged or pushed out."""
    return replace(
        _base(names.ledger(mode), subjects.ledger(mode)),
        deny_delete=True,
        deny_purge=True,
        allow_atomic=True,
        max_bytes=part * SHARES[mode],
        metadata={EPOCH_KEY: str(epoch), BEGAN_KEY: datetime.now(UTC).isoformat()},
    )


def _content(mode: Mode, part: int) -> StreamConfig:
    """As the ledger, save that an eraser may delete a message."""
    return replace(
        _base(names.content(mode), subjects.content_of(mode)),
        deny_purge=True,
        allow_atomic=True,
        max_bytes=part * SHARES[mode],
    )


def _objects(mode: Mode, part: int) -> StreamConfig:
    """An object store whose chunks an eraser may delete; when it is full, the log goes on without files."""
    return replace(
        _base(names.objects(mode), subjects.objects_of(names.bucket(mode))),
        deny_purge=True,
        max_bytes=part * SHARES[mode],
    )


def _timers() -> StreamConfig:
    """No limits of size or age: they drop armed timers without a word."""
    return replace(
        _base(names.TIMERS, subjects.timer("*", "*", "*")),
        discard=DiscardPolicy.OLD,
        duplicate_window=120.0,
        deny_delete=True,
        allow_atomic=True,
        allow_msg_ttl=True,
        allow_msg_schedules=True,
    )


def _parked() -> StreamConfig:
    return replace(
        _base(names.PARKED, subjects.parked("*", "*")), discard=DiscardPolicy.OLD, max_bytes=_SMALL_BYTES
    )


def _state() -> StreamConfig:
    return replace(
        _base(names.STATE, names.state_subject()), discard=DiscardPolicy.OLD, max_msgs_per_subject=1
    )


def _people() -> StreamConfig:
    """A key-value bucket whose old revisions its writer may erase."""
    return replace(
        _base(names.PEOPLE_STREAM, f"$KV.{names.PEOPLE}.>"),
        max_msgs_per_subject=2,
        allow_rollup_hdrs=True,
        max_bytes=_SMALL_BYTES,
        duplicate_window=120.0,
    )


def _base(name: str, subject: str) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=[subject],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        duplicate_window=DEDUPLICATION_S,
        allow_direct=True,
        max_age=0.0,
        max_bytes=-1,
        max_msgs=-1,
        max_msgs_per_subject=-1,
        max_msg_size=-1,
        max_consumers=-1,
    )


def _reaction(heard: str) -> ConsumerConfig:
    """Delivered until acknowledged, from the first message on."""
    return ConsumerConfig(
        name=names.NOTIFICATIONS_DURABLE,
        durable_name=names.NOTIFICATIONS_DURABLE,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=_ACK_WAIT_S,
        max_ack_pending=_MAX_PENDING,
        max_deliver=-1,
        filter_subject=heard,
    )
