"""What must hold between the sections of a centre file: every name leads somewhere, nothing stands twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas import register
from schemas.records import DELIVERY_DAYS_LEAST
from schemas.subjects import CENTRE

if TYPE_CHECKING:
    from schemas.centre import Centre

Place = tuple[int | str, ...]
Found = Iterator[tuple[str, Place, str]]
"""Code, place and reason."""

UNIQUE = (
    ("organisations", "key"),
    ("watches", "key"),
    ("watches", "alias"),
    ("policies", "code"),
    ("types", "code"),
    ("persons", "key"),
    ("persons", "id"),
    ("agreements", "code"),
    ("regions", "code"),
    ("subscriptions", "organisation"),
    ("lists", "code"),
)
DATED = ("manning", "agreements", "regions", "subscriptions")


def problems(centre: Centre) -> Found:
    """Every problem between the sections, in the order of the checks."""
    yield from _twice(centre)
    yield from _organisations(centre)
    yield from _watches(centre)
    yield from _types(centre)
    yield from _reports(centre)
    yield from _persons(centre)
    yield from _manning(centre)
    yield from _sharing(centre)
    yield from _retention(centre)
    yield from _times(centre)


def _twice(centre: Centre) -> Found:
    for section, field in UNIQUE:
        seen: set[str] = set()
        for index, item in enumerate(getattr(centre, section)):
            value = getattr(item, field)
            if value in seen:
                yield "STANDS_TWICE", (section, index, field), f"{value} stands twice"
            if value is not None:
                seen.add(value)
    numbers: set[tuple[str, str]] = set()
    for index, watch in enumerate(centre.watches):
        if (watch.organisation, watch.code) in numbers:
            yield "STANDS_TWICE", ("watches", index, "code"), f"{watch.code} is used in {watch.organisation}"
        numbers.add((watch.organisation, watch.code))


def _organisations(centre: Centre) -> Found:
    yield from _known(centre, ("centre", "host"), [centre.centre.host])
    for index, organisation in enumerate(centre.organisations):
        place = ("organisations", index, "serves")
        for number in organisation.serves:
            now = register.successors(number)
            if not now:
                yield "UNKNOWN_MUNICIPALITY", place, f"{number} is no municipality number"
            elif now != (number,):
                yield "FORMER_MUNICIPALITY", place, f"{number} is now {' and '.join(now)}"
        if (organisation.kind == "guest") != (organisation.ends is not None):
            yield "GUEST_NEEDS_END", ("organisations", index, "ends"), "a guest has an end, and only a guest"


def _watches(centre: Centre) -> Found:
    policies = {policy.code for policy in centre.policies}
    for index, watch in enumerate(centre.watches):
        yield from _known(centre, ("watches", index, "key"), [watch.organisation])
        if watch.key.endswith(f".{CENTRE}"):
            yield "RESERVED_WATCH", ("watches", index, "key"), f"the watch code {CENTRE} is reserved"
        if watch.policy not in policies:
            yield "UNKNOWN_POLICY", ("watches", index, "policy"), f"there is no policy {watch.policy}"
    for index, policy in enumerate(centre.policies):
        named = [step.watch for rule in policy.rules for step in rule.steps if step.watch]
        yield from _known(centre, ("policies", index, "rules"), named)


def _reports(centre: Centre) -> Found:
    for index, report in enumerate(centre.reports):
        for field in ("where", "receivers", "notify"):
            yield from _known(centre, ("reports", index, field), getattr(report, field))
        yield from _people(centre, ("reports", index, "approvers"), report.approvers)


def _types(centre: Centre) -> Found:
    for index, kind in enumerate(centre.types):
        told = [key for one in kind.told for key in (*one.notify, one.watch) if key]
        yield from _known(centre, ("types", index, "told"), told)
        yield from _known(centre, ("types", index, "used_by"), kind.used_by)


def _persons(centre: Centre) -> Found:
    for index, person in enumerate(centre.persons):
        yield from _known(centre, ("persons", index, "organisation"), [person.organisation])
        try:
            person.contact  # noqa: B018 - its making is the check
        except ValueError:
            yield "BAD_CONTACT", ("persons", index, "email"), "the mail address or phone number is not one"
    for index, role in enumerate(centre.roles):
        yield from _known(centre, ("roles", index, "where"), [role.where])
        yield from _people(centre, ("roles", index, "persons"), role.persons)


def _manning(centre: Centre) -> Found:
    for index, manning in enumerate(centre.manning):
        place = ("manning", index, "watch")
        yield from _known(centre, place, [manning.watch])
        yield from _people(centre, ("manning", index, "primary"), manning.holders.values())
        watch = centre.watch(manning.watch)
        if watch and manning.post not in watch.posts:
            yield "UNKNOWN_POST", ("manning", index, "post"), f"{watch.key} has no post {manning.post}"
        for person in manning.holders.values():
            if not _may_work(centre, person, manning.watch):
                yield "NO_ROLE", place, f"{person} has no role of operator or leader in {manning.watch}"


def _sharing(centre: Centre) -> Found:
    for index, agreement in enumerate(centre.agreements):
        yield from _known(centre, ("agreements", index, "parties"), agreement.parties)
    for index, region in enumerate(centre.regions):
        yield from _known(centre, ("regions", index, "members"), region.members)
    for index, wanted in enumerate(centre.subscriptions):
        named = [wanted.organisation, *wanted.public_from]
        yield from _known(centre, ("subscriptions", index, "organisation"), named)
    for index, listed in enumerate(centre.lists):
        yield from _known(centre, ("lists", index, "members"), [listed.owner, *listed.members])


def _retention(centre: Centre) -> Found:
    seen: set[tuple[str | None, ...]] = set()
    for index, kept in enumerate(centre.retention):
        yield from _known(centre, ("retention", index, "where"), [kept.where])
        if kept.of == "deliveries" and kept.tag is not None:
            yield "TAG_NOT_HERE", ("retention", index, "tag"), "records of deliveries bear no tag"
        if kept.of == "deliveries" and kept.days < DELIVERY_DAYS_LEAST:
            reason = f"records of deliveries are kept {DELIVERY_DAYS_LEAST} days at least"
            yield "TERM_TOO_SHORT", ("retention", index, "days"), reason
        for mode in kept.modes:
            name = (kept.where, kept.of, kept.tag, mode)
            if name in seen:
                yield "STANDS_TWICE", ("retention", index, "where"), "that class stands twice"
            seen.add(name)


def _times(centre: Centre) -> Found:
    for section in DATED:
        for index, item in enumerate(getattr(centre, section)):
            if item.until is not None and item.until <= item.since:
                yield "ENDS_BEFORE_START", (section, index, "until"), "it ends before it begins"
    for section, index, guest, until in _of_guests(centre):
        if until is None or until > guest:
            yield "OUTLIVES_GUEST", (section, index, "until"), "it must end when the guest does"


def _of_guests(centre: Centre) -> Iterator[tuple[str, int, datetime, datetime | None]]:
    ends = {organisation.key: organisation.ends for organisation in centre.organisations}
    members: dict[str, Any] = {
        "roles": lambda role: [role.where.partition(".")[0]],
        "manning": lambda manning: [manning.watch.partition(".")[0]],
        "agreements": lambda agreement: agreement.parties,
        "regions": lambda region: region.members,
        "subscriptions": lambda wanted: [wanted.organisation],
    }
    for section, of in members.items():
        for index, item in enumerate(getattr(centre, section)):
            for organisation in of(item):
                guest = ends.get(organisation)
                if guest is not None:
                    yield section, index, guest, item.until


def _known(centre: Centre, place: Place, names: Any) -> Found:
    """Organisations and watches that the file does not have."""
    for name in names:
        if "." in name and not any(watch.key == name for watch in centre.watches):
            yield "UNKNOWN_WATCH", place, f"there is no watch {name}"
        elif "." not in name and centre.organisation(name) is None:
            yield "UNKNOWN_ORGANISATION", place, f"there is no organisation {name}"


def _people(centre: Centre, place: Place, keys: Any) -> Found:
    known = {person.key for person in centre.persons}
    for key in keys:
        if key not in known:
            yield "UNKNOWN_PERSON", place, f"there is no person {key}"


def _may_work(centre: Centre, person: str, watch: str) -> bool:
    where = (watch, watch.partition(".")[0])
    return any(
        role.where in where and role.role in ("operator", "leader") and person in role.persons
        for role in centre.roles
    )
