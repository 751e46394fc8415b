"""The accounts of the broker: the hub's, and one for each organisation, as the server's configuration."""

from collections.abc import Iterable, Mapping, Sequence

from schemas import subjects
from services.runtime import names
from services.runtime.grants import Grant, ReservedCode, hub_grants, organisation_grants, system_grant


def users(watches: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Every user that needs a key; `watches` are pairs of organisation and watch."""
    return tuple(grant.user for grants in _accounts(watches).values() for grant in grants)


def render(watches: Iterable[tuple[str, str]], keys: Mapping[str, str]) -> str:
    """The accounts as text; `keys` gives the public nkey of each of `users(watches)`.

    Raises ReservedCode, or BadToken when a code could change the meaning of a subject.
    """
    accounts = _accounts(watches)
    organisations = [name for name in accounts if name not in (names.SYS_ACCOUNT, names.HUB_ACCOUNT)]
    lines = [f"system_account: {names.SYS_ACCOUNT}", "accounts {"]
    for name, grants in accounts.items():
        lines += [f"  {_quote(name)}: {{", *_sharing(name, organisations), *_users(grants, keys), "  }"]
    return "\n".join([*lines, "}", ""])


def render_for_one(user: str, key: str) -> str:
    """Accounts that let in one user, who may do all in the hub: for a broker that nobody else may reach."""
    system, hub = f"  {_quote(names.SYS_ACCOUNT)}: {{}}", f"  {_quote(names.HUB_ACCOUNT)}: {{"
    inside = ["    jetstream: enabled", f"    users: [{{nkey: {key}}}] # {user}"]
    return "\n".join(
        [f"system_account: {names.SYS_ACCOUNT}", "accounts {", system, hub, *inside, "  }", "}", ""]
    )


def _accounts(watches: Iterable[tuple[str, str]]) -> dict[str, tuple[Grant, ...]]:
    codes: dict[str, list[str]] = {}
    for org, watch in sorted(set(watches)):
        if org in (names.SYS_ACCOUNT, names.HUB_ACCOUNT):
            raise ReservedCode(org)
        codes.setdefault(subjects.token(org), []).append(subjects.token(watch))
    hub = {names.SYS_ACCOUNT: (system_grant(),), names.HUB_ACCOUNT: hub_grants()}
    return hub | {org: organisation_grants(org, found) for org, found in codes.items()}


def _sharing(account: str, organisations: Sequence[str]) -> list[str]:
    """The hub's services are exported to each organisation under its own name only."""
    if account == names.SYS_ACCOUNT:
        return []
    if account != names.HUB_ACCOUNT:
        shares = [
            f"      {{{way}: {{account: {names.HUB_ACCOUNT}, subject: {_quote(subject)}}}}}"
            for way, subject in _shared_with(account)
        ]
        return ["    imports: [", *shares, "    ]"]
    shares = [
        f"      {{{way}: {_quote(subject)}, accounts: [{_quote(org)}]}}"
        for org in organisations
        for way, subject in _shared_with(org)
    ]
    return ["    jetstream: enabled", "    exports: [", *shares, "    ]"]


def _shared_with(org: str) -> list[tuple[str, str]]:
    return [
        ("service", subjects.command("*", org, "*", "*", "*")),
        ("service", subjects.query("*", org, "*", "*", "*")),
        ("service", subjects.feed("*", org, "next")),
        ("stream", subjects.feed("*", org, "items")),
    ]


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
