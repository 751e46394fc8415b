"""Makes commands of a centre file; the id of each is a hash of the entry, so its fact is born once only."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas import feeds, incident_types, notifications, people, records, reports, watch
from schemas.canonical import canonical
from schemas.centre import Centre
from schemas.envelope import Request, Strict
from schemas.identifiers import derived_id
from schemas.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the centre: its id, the organisation it is given for, and its body.

    ``content`` is a person's contact. It is no part of the id, since a hash of it would outlive its removal;
    who applies the file again hands it on each time.
    """

    id: str
    organisation: str
    watch: str | None
    request: Request
    content: Strict | None = None


def entries(centre: Centre, mode: Mode) -> Iterator[Entry]:
    """Every entry in an order in which each finds what it needs: organisations first, who is on duty last."""
    for organisation, at, request, content in (*_requests(centre), *_retention(centre, mode)):
        body = canonical(request.model_dump(mode="json", exclude_none=True)).decode()
        identifier = derived_id("centre", mode, request.type_name(), organisation, at or "", body)
        yield Entry(identifier, organisation, at, request, content)


Made = Iterator[tuple[str, str | None, Request, Strict | None]]
"""Organisation, watch where the entry is one's, body and content."""


def _requests(centre: Centre) -> Made:
    yield from _sharing(centre)
    yield from _watches(centre)
    yield from _types(centre)
    yield from _people(centre)
    yield from _manning(centre)
    yield from _reports(centre)


def _sharing(centre: Centre) -> Made:
    host = centre.centre.host
    for one in centre.organisations:
        request = feeds.SetOrganisation(
            organisation=one.key,
            title=one.name,
            kind=one.kind,
            serves=sorted(one.serves),
            language=one.language,
        )
        yield one.key, None, request, None
    for region in centre.regions:
        made = feeds.SetRegion(
            region=region.code, members=sorted(region.members), since=region.since, until=region.until
        )
        yield host, None, made, None
    for agreement in centre.agreements:
        agreed = feeds.Agree(
            agreement=agreement.code,
            parties=sorted(agreement.parties),
            purpose=agreement.purpose,
            since=agreement.since,
            until=agreement.until,
        )
        yield agreement.parties[0], None, agreed, None
    for wanted in centre.subscriptions:
        taken = feeds.Subscribe(
            subscriber=wanted.organisation,
            modes=sorted(wanted.modes),
            public_from=sorted(wanted.public_from),
            since=wanted.since,
            until=wanted.until,
        )
        yield wanted.organisation, None, taken, None


def _watches(centre: Centre) -> Made:
    for one in centre.watches:
        established = watch.Establish(
            watch=one.key,
            code=one.code,
            title=one.name,
            hidden=one.hidden,
            health=one.health,
            posts=one.posts,
        )
        yield one.organisation, one.key, established, None
        policy = centre.policy_of(one)
        if policy:
            told = notifications.SetPolicy(watch=one.key, rules=policy.rules, channels=policy.channels)
            yield one.organisation, one.key, told, None


def _types(centre: Centre) -> Made:
    for kind in centre.types:
        fields = {name: getattr(kind, name) for name in type(kind).model_fields if name != "code"}
        yield centre.centre.host, None, incident_types.SetType(type=kind.code, **fields), None


def _people(centre: Centre) -> Made:
    ids = {person.key: person.id for person in centre.persons}
    for person in centre.persons:
        yield person.organisation, None, people.AddPerson(person=person.id), person.contact
    for role in centre.roles:
        for key in role.persons:
            granted = people.Grant(person=ids[key], role=role.role, where=role.where, until=role.until)
            yield role.where.partition(".")[0], None, granted, None


def _manning(centre: Centre) -> Made:
    ids = {person.key: person.id for person in centre.persons}
    for manning in centre.manning:
        for function, key in manning.holders.items():
            manned = watch.Man(
                watch=manning.watch,
                post=manning.post,
                function=function,
                person=ids[key],
                since=manning.since,
                until=manning.until,
            )
            yield manning.watch.partition(".")[0], manning.watch, manned, None


def _reports(centre: Centre) -> Made:
    ids = {person.key: person.id for person in centre.persons}
    for report in centre.reports:
        fields = {name: getattr(report, name) for name in type(report).model_fields}
        del fields["code"], fields["where"]
        fields["approvers"] = [ids[key] for key in report.approvers]
        for where in report.where:
            template = reports.SetTemplate(template=report.code, where=where, **fields)
            yield where.partition(".")[0], None, template, None


def _retention(centre: Centre, mode: Mode) -> Made:
    """Proposals: each lies under an id that is a hash of the class, so that it is proposed once only."""
    for kept in (one for one in centre.retention if mode in one.modes):
        named = ("retention", mode, kept.where, kept.of, kept.tag or "", str(kept.days), kept.law)
        said = {"order": derived_id(*named), "where": kept.where, "days": kept.days, "law": kept.law}
        request: Request = (
            records.OrderDeliveryTerm.model_validate(said)
            if kept.of == "deliveries"
            else records.OrderRetention.model_validate({**said, "tag": kept.tag})
        )
        yield kept.where.partition(".")[0], None, request, None
