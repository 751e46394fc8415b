"""The compose file as it runs here: up, asked, killed, watched and taken down."""

import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.certificates import certificate
from tests.containers.rig import FOLDER, HERE, HUB, POSTGRES, ROOT, Failed, compose, run, say

PARTS = (
    "people",
    "incidents-door",
    "incidents-archive",
    "watch",
    "notifications",
    "reports",
    "feeds",
    "intake",
    "desk",
)
SERVERS = ("nats", "postgres", *PARTS)
FILES = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.tls.yml", HERE / "compose.yml")
STREAM_BYTES = 1 << 30
RESTART_S = 6
KEPT = 3
"""Exit code of a command that keeps what it could not send."""


class Stack:
    """One hub in containers, with TLS everywhere, under a project name of its own."""

    def __init__(self) -> None:
        self.project = f"samvirke-{secrets.token_hex(3)}"
        self.secrets = FOLDER / self.project
        self.desk = f"https://localhost:{(desk := _free_port())}"
        self.phone = f"https://localhost:{(phone := _free_port())}"
        self._variables = {
            "SAMVIRKE_IMAGE": HUB,
            "SAMVIRKE_NATS_IMAGE": HUB,
            "SAMVIRKE_POSTGRES_IMAGE": POSTGRES,
            "SAMVIRKE_CENTRE_FILE": str(ROOT / "deploy" / "examples" / "bergen.toml"),
            "SAMVIRKE_SECRETS": str(self.secrets),
            "SAMVIRKE_STREAM_BYTES": str(STREAM_BYTES),
            "SAMVIRKE_PORT_DESK": str(desk),
            "SAMVIRKE_PORT_PHONE": str(phone),
            "SAMVIRKE_PUBLIC_DESK_URL": self.desk,
            "SAMVIRKE_PUBLIC_PHONE_URL": self.phone,
            "SAMVIRKE_GATEWAY_URL": "http://gateway:8080/send",
            "SAMVIRKE_TEST_SINK": str(HERE / "sink.py"),
            "SAMVIRKE_TEST_NETWORK": f"10.{100 + secrets.randbelow(150)}",
        }

    @property
    def authority(self) -> Path:
        """The authority of the desk's and the phone page's certificate."""
        return self.secrets / "nats_ca"

    def up(self) -> None:
        """Make the secrets, and start everything."""
        self._make_secrets()
        self._compose("up", "-d", "--no-build")

    def down(self) -> None:
        """Remove containers, networks, volumes and secrets; what cannot be removed does not stop the rest."""
        try:
            self._compose("--profile", "cli", "down", "-v", "-t", "2")
        finally:
            for path in self.secrets.glob("**/*"):
                if path.is_file():
                    path.unlink()

    def left(self) -> list[str]:
        """Names of containers, volumes and networks of this project that are still there."""
        kinds = (("ps", "-a"), ("volume", "ls"), ("network", "ls"))
        formats = ("{{.Names}}", "{{.Name}}", "{{.Name}}")
        found = [run("podman", *kind, "--format", form) for kind, form in zip(kinds, formats, strict=True)]
        return [name for names in found for name in names.split() if self.project in name]

    def command(self, *arguments: str, watch: str = "", person: str = "", **variables: str) -> Any:
        """What one `samvirke` command answers, in a container of its own that holds every key.

        Raises Failed, unless it was kept in the spool.
        """
        given = {"SAMVIRKE_WATCH": watch, "SAMVIRKE_PERSON": person, **variables}
        options = [part for name, value in given.items() if value for part in ("-e", f"{name}={value}")]
        text = self._compose("--profile", "cli", "run", "--rm", "-T", *options, "cli", *arguments, "--json")
        return json.loads(text.strip().splitlines()[-1])

    def name(self, service: str) -> str:
        """The container of a service."""
        return f"{self.project}_{service}_1"

    def within(self, service: str, *command: str) -> str:
        """What a program in a container says. Raises Failed."""
        return run("podman", "exec", self.name(service), *command)

    def inspect(self, service: str, field: str) -> str:
        """One thing that podman knows about a container."""
        return run("podman", "inspect", "--format", "{{" + field + "}}", self.name(service)).strip()

    def is_healthy(self, service: str) -> bool:
        """Run the container's own health check once: without systemd, podman cannot do so by itself."""
        try:
            run("podman", "healthcheck", "run", self.name(service), patience_s=30)
        except Failed:
            return False
        return True

    def said(self, service: str) -> str:
        """All that a container has written."""
        return run("podman", "logs", self.name(service), with_errors=True)

    def kill(self, service: str) -> str:
        """Kill -9 the first process of a container, as a crash does; when that had been started."""
        started = self.inspect(service, ".State.StartedAt")
        os.kill(int(self.inspect(service, ".State.Pid")), signal.SIGKILL)
        return started

    def bring_back(self, service: str, before: str) -> None:
        """Return when a killed container serves again: by its restart policy, else started by hand.

        podman 4.3 without systemd keeps to the policy most of the time only.
        """
        time.sleep(RESTART_S)
        way = "its restart policy"
        if self.inspect(service, ".State.StartedAt") == before:
            run("podman", "start", self.name(service))
            way = "hand"
        until(f"{service} is healthy", lambda: self.is_healthy(service))
        say(f"{service} was brought back by {way}")

    def _compose(self, *arguments: str) -> str:
        files = [part for file in FILES for part in ("-f", str(file))]
        return run(
            *compose(), "-p", self.project, *files, *arguments, variables=self._variables, codes=(0, KEPT)
        )

    def _make_secrets(self) -> None:
        """As docs/operations.md says: the folder is root's, the files can be read in the containers."""
        made = certificate(self.secrets / "made", "nats", "localhost")
        self.secrets.chmod(0o700)
        text = {"postgres_password": secrets.token_hex(24), "smtp_password": "", "gateway_headers": ""}
        files = {"nats_cert": made.cert, "nats_key": made.key, "nats_ca": made.ca}
        files |= {"tls_cert": made.cert, "tls_key": made.key}
        for name, value in (text | {name: path.read_text() for name, path in files.items()}).items():
            (self.secrets / name).write_text(value)
            (self.secrets / name).chmod(0o444)


def until(what: str, holds: Callable[[], Any], patience_s: float = 60) -> Any:
    """Try again until it gives something true. Raises Failed when it does not in time."""
    deadline = time.monotonic() + patience_s
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"in {patience_s} s it did not come to be that {what}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
