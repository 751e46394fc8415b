"""What the hub in containers must do: each function is one thing, told in the order of a night's work."""

import json
import re
import ssl
from functools import partial
from typing import Any

import httpx

from tests.containers.rig import Failed, say
from tests.containers.stack import PARTS, SERVERS, Stack, until

DESK, LEIF = "4601.vaktsentral", "leif"
NEIGHBOUR, EINAR = "4627.vakt", "einar"
WATER = ("--type", "water.leak", "--priority", "high", "--level", "named", "--named", "4627")
PUBLISHED = {"desk", "notifications"}
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


def every_container_is_healthy(stack: Stack) -> None:
    """Each container's own health check, run by hand."""
    for service in SERVERS:
        until(f"{service} is healthy", partial(stack.is_healthy, service), 120)


def the_centre_file_is_in_force(stack: Stack) -> None:
    """The container that applied it has ended well."""
    until("the centre file is in force", lambda: stack.inspect("centre", ".State.Status") == "exited", 180)
    assert stack.inspect("centre", ".State.ExitCode") == "0", stack.said("centre")


def no_container_has_more_than_it_needs(stack: Stack) -> None:
    """No root, no capability, nothing to write but the home and /tmp; two ports published, on loopback."""
    for service in SERVERS:
        status = stack.within(service, "cat", "/proc/1/status")
        found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert "0" not in found["Uid"].split(), service
        assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) == 0, service
        assert found["NoNewPrivs"] == "1", service
        assert stack.inspect(service, ".HostConfig.ReadonlyRootfs") == "true", service
        for place in ("/opt/x", "/usr/x", "/etc/x"):
            assert not _can(stack, service, "touch", place), f"{service}: {place}"
        published = stack.inspect(service, "json .NetworkSettings.Ports")
        assert ("127.0.0.1" in published) == (service in PUBLISHED), f"{service}: {published}"


def no_part_reaches_or_holds_what_is_not_its_own(stack: Stack) -> None:
    """The desk has no way to the tables, and no key that writes a fact."""
    assert _can(stack, "desk", "python", "-c", _CONNECT, "nats", "4222")
    assert not _can(stack, "desk", "python", "-c", _CONNECT, "postgres", "5432")
    assert _can(stack, "people", "python", "-c", _CONNECT, "postgres", "5432")
    for part in PARTS:
        keys = stack.within(part, "ls", "/var/lib/samvirke/credentials").split()
        assert {"centre.nk", "provisioner.nk", "supervisor.nk"}.isdisjoint(keys), f"{part}: {keys}"
    assert not _can(stack, "desk", "sh", "-c", "command -v cc || command -v gcc || command -v pip")
    assert not _can(stack, "people", "grep", "-rq", "postgres_password", "/run/secrets")


def a_report_reaches_the_person_on_duty_and_is_acknowledged(stack: Stack) -> str:
    """Report, message at the gateway, link to the phone page, acknowledgement; the incident's ref."""
    ref = report(stack, "Vannlekkasje i Åsane")
    press_acknowledge(stack, link_to(stack, ref))
    until("the chain is acknowledged", lambda: _outcome(stack, ref) == "acknowledged")
    return ref


def the_neighbour_reads_it(stack: Stack, text: str) -> None:
    """Its share of the log, over HTTPS at the desk, with a token of its own."""
    secret = stack.command("token", "issue", "screen", "--scope", "feed", watch=NEIGHBOUR, person=EINAR)
    token = secret["result"]["secret"] if "result" in secret else secret["secret"]
    url, headers = f"{stack.desk}/v1/feeds/4627/events", {"Authorization": f"Bearer {token}"}
    with _client(stack) as client, client.stream("GET", url, headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and text in line:
                return
    raise Failed(f"{text} is not in the neighbour's feed")


def a_part_that_is_killed_comes_back_and_tells_what_waited(stack: Stack) -> None:
    """Notifications dies; what is reported meanwhile is told by the container that takes its place."""
    before = stack.kill("notifications")
    ref = report(stack, "Trafikkulykke på E39")
    stack.bring_back("notifications", before)
    press_acknowledge(stack, link_to(stack, ref))
    until("the chain is acknowledged", lambda: _outcome(stack, ref) == "acknowledged")


def a_door_that_is_killed_comes_back_and_hears_what_waited(stack: Stack) -> None:
    """Who reports meanwhile is answered late, or the report is kept at the edge."""
    before = stack.kill("incidents-door")
    _report_whatever_comes(stack, "Ras på Rv13")
    stack.bring_back("incidents-door", before)
    _wait_until_sent(stack, "Ras på Rv13")


def a_broker_that_is_killed_comes_back_and_nothing_is_lost(stack: Stack) -> None:
    """What was saved is there, what was typed meanwhile waited at the edge, and all parts serve again."""
    kept = set(_refs(stack))
    before = stack.kill("nats")
    _report_whatever_comes(stack, "Strømbrudd på Sotra")
    stack.bring_back("nats", before)
    every_container_is_healthy(stack)
    _wait_until_sent(stack, "Strømbrudd på Sotra")
    assert kept < set(_refs(stack))


def _report_whatever_comes(stack: Stack, headline: str) -> None:
    """Report to a hub in trouble: it is accepted, or kept at the edge, and never lost."""
    options = (*WATER, "--notify", NEIGHBOUR)
    done = stack.command("report", headline, *options, watch=DESK, person=LEIF)
    assert done["status"] in ("accepted", "kept"), done
    say(f"«{headline}» was {done['status']}")


def _wait_until_sent(stack: Stack, headline: str) -> None:
    until("nothing waits in the spool", lambda: stack.command("spool", "send")["left"] == 0)
    until(f"the log has {headline}", lambda: headline in _log(stack))


def the_copies_agree(stack: Stack) -> None:
    """Chain, archive, ledger and content, fact by fact."""
    stack.command("verify")


def no_log_holds_what_was_typed(stack: Stack) -> None:
    """Nor a secret."""
    for service in (*SERVERS, "provisioner", "centre"):
        said = stack.said(service)
        assert said or service not in SERVERS, f"{service} has written nothing: is this its log?"
        password = (stack.secrets / "postgres_password").read_text()
        for text in ("Vannlekkasje", "Trafikkulykke", "Strømbrudd", "SCRAM-SHA-256$", password):
            assert text not in said, f"{service}: {text}"


def report(stack: Stack, headline: str) -> str:
    """A report of Bergen's watch desk that the neighbour must hear of; its ref."""
    done = stack.command("report", headline, *WATER, "--notify", NEIGHBOUR, watch=DESK, person=LEIF)
    assert done["status"] == "accepted", done
    ref: str = done["ref"]
    return ref


def link_to(stack: Stack, ref: str) -> str:
    """The link in the message about an incident, as the gateway was given it."""
    pattern = re.compile(rf"{re.escape(stack.phone)}/k/[\w-]+")

    def find() -> str | None:
        for line in stack.said("gateway").splitlines():
            if ref in line and (found := pattern.search(line)):
                return found[0]
        return None

    link: str = until(f"the gateway was given a message about {ref}", find)
    return link


def press_acknowledge(stack: Stack, link: str) -> None:
    """Open the page and press «Kvitterer»."""
    with _client(stack) as client:
        token = re.search(r'name="token" value="([0-9a-f]+)"', client.get(link).text)
        assert token is not None, link
        answer = client.post(link, data={"token": token[1], "act": "ack"})
        assert answer.status_code == 303, answer.text


def _client(stack: Stack) -> httpx.Client:
    return httpx.Client(
        verify=ssl.create_default_context(cafile=stack.authority), trust_env=False, timeout=30
    )


def _outcome(stack: Stack, ref: str) -> str | None:
    shown = stack.command("incident", "show", ref, watch=DESK, person=LEIF)
    chains: list[dict[str, Any]] = _find(shown, "chains") or []
    return next((chain.get("outcome") for chain in chains), None)


def _refs(stack: Stack) -> list[str]:
    return re.findall(r'"ref": "([0-9A-Z]{7})"', _log(stack))


def _log(stack: Stack) -> str:
    return json.dumps(stack.command("incidents", watch=DESK, person=LEIF), ensure_ascii=False)


def _find(found: Any, key: str) -> Any:
    if isinstance(found, dict):
        if key in found:
            return found[key]
        return next((one for value in found.values() if (one := _find(value, key)) is not None), None)
    return None


def _can(stack: Stack, service: str, *command: str) -> bool:
    try:
        stack.within(service, *command)
    except Failed:
        return False
    return True
