"""The accounts of the broker: the hub's, and one for each organisation, as the server's configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas import subjects
from schemas.vocabulary import Mode
from services.runtime import names
from services.runtime.grants import (
    Grant,
    ReservedCode,
    exercise_grants,
    hub_grants,
    organisation_grants,
    system_grant,
)

Pairs = Iterable[tuple[str, str]]
"""Pairs of organisation and watch."""
NO_EXERCISES: Mapping[str, Pairs] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Account:
    """An organisation's account, or its account in one exercise, which reaches that mode only."""

    name: str
    org: str
    mode: str
    grants: tuple[Grant, ...]

    @property
    def shares(self) -> list[tuple[str, str]]:
        """What the hub shares with it, as kind and subject."""
        return [
            ("service", subjects.command(self.mode, self.org, "*", "*", "*")),
            ("service", subjects.query(self.mode, self.org, "*", "*", "*")),
            ("service", subjects.feed(self.mode, self.org, "next")),
            ("stream", subjects.feed(self.mode, self.org, "items")),
        ]


def users(watches: Pairs, exercises: Mapping[str, Pairs] = NO_EXERCISES) -> tuple[str, ...]:
    """Every user that needs a key; `exercises` are the watches of each exercise that runs, by its id."""
    found = (grant.user for account in _accounts(watches, exercises) for grant in account.grants)
    return tuple(grant.user for grant in (system_grant(), *hub_grants())) + tuple(found)


def render(watches: Pairs, keys: Mapping[str, str], exercises: Mapping[str, Pairs] = NO_EXERCISES) -> str:
    """The accounts as text; `keys` gives the public nkey of each of `users(watches, exercises)`.

    Raises ReservedCode, or BadToken when a code could change the meaning of a subject.
    """
    found = _accounts(watches, exercises)
    lines = [f"system_account: {names.SYS_ACCOUNT}", "accounts {"]
    lines += [f"  {_quote(names.SYS_ACCOUNT)}: {{", *_users([system_grant()], keys), "  }"]
    lines += [f"  {_quote(names.HUB_ACCOUNT)}: {{", *_exports(found), *_users(hub_grants(), keys), "  }"]
    for one in found:
        lines += [f"  {_quote(one.name)}: {{", *_imports(one), *_users(one.grants, keys), "  }"]
    return "\n".join([*lines, "}", ""])


def render_for_one(user: str, key: str) -> str:
    """Accounts that let in one user, who may do all in the hub: for a broker that nobody else may reach."""
    system, hub = f"  {_quote(names.SYS_ACCOUNT)}: {{}}", f"  {_quote(names.HUB_ACCOUNT)}: {{"
    inside = ["    jetstream: enabled", f"    users: [{{nkey: {key}}}] # {user}"]
    return "\n".join(
        [f"system_account: {names.SYS_ACCOUNT}", "accounts {", system, hub, *inside, "  }", "}", ""]
    )


def _accounts(watches: Pairs, exercises: Mapping[str, Pairs]) -> list[_Account]:
    """The accounts besides the hub's own."""
    found = [
        _Account(org, org, "*", organisation_grants(org, codes)) for org, codes in _by_organisation(watches)
    ]
    for id, pairs in sorted(exercises.items()):
        for org, codes in _by_organisation(pairs):
            grants = exercise_grants(id, org, codes)
            found.append(_Account(names.exercise_account(id, org), org, Mode.EXERCISE, grants))
    return found


def _by_organisation(watches: Pairs) -> list[tuple[str, list[str]]]:
    codes: dict[str, list[str]] = {}
    for org, watch in sorted(set(watches)):
        if org in (names.SYS_ACCOUNT, names.HUB_ACCOUNT):
            raise ReservedCode(org)
        codes.setdefault(subjects.token(org), []).append(subjects.token(watch))
    return list(codes.items())


def _exports(found: Iterable[_Account]) -> list[str]:
    """The hub's services are exported to each organisation under its own name only."""
    shared: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for share in one.shares:
            shared.setdefault(share, []).append(one.name)
    shares = [
        f"      {{{way}: {_quote(subject)}, accounts: [{_list(accounts)}]}}"
        for (way, subject), accounts in shared.items()
    ]
    return ["    jetstream: enabled", "    exports: [", *shares, "    ]"]


def _imports(one: _Account) -> list[str]:
    shares = [
        f"      {{{way}: {{account: {names.HUB_ACCOUNT}, subject: {_quote(subject)}}}}}"
        for way, subject in one.shares
    ]
    return ["    imports: [", *shares, "    ]"]


def _users(grants: Iterable[Grant], keys: Mapping[str, str]) -> list[str]:
    lines = ["    users: ["]
    for grant in grants:
        heard = (f"{names.inbox(grant.user)}.>", *grant.subscribe)
        lines += [
            f"      {{ # {grant.user}",
            f"        nkey: {keys[grant.user]}",
            "        permissions: {",
            f"          publish: {{allow: [{_list(grant.publish)}]}}",
            f"          subscribe: {{allow: [{_list(heard)}]}}",
            "        }",
            "      }",
        ]
    return [*lines, "    ]"]


def _list(found: Iterable[str]) -> str:
    return ", ".join(map(_quote, found))


def _quote(text: str) -> str:
    return f'"{text}"'
