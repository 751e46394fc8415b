"""Tells the service manager how this process is, as systemd's `sd_notify` does; without one, says nothing."""

import contextlib
import os
import socket
import time

_SOCKET = "NOTIFY_SOCKET"
_PATIENCE = "WATCHDOG_USEC"
_STANDSTILL_US = 6 * 3600 * 1_000_000
"""How long work may take for which the hub stands still, such as a repair, before it counts as hanging."""
_MORE_US = 60 * 1_000_000


class Manager:
    """The service manager of this process, as its surroundings name it."""

    def __init__(self) -> None:
        self._address = os.environ.get(_SOCKET, "")
        watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._patience_us = int(os.environ.get(_PATIENCE, "0")) if watched else 0
        self._alive_at = float("-inf")

    def ready(self) -> None:
        """The hub serves; from now on it is watched."""
        patience = f"\n{_PATIENCE}={self._patience_us}" if self._patience_us else ""
        self._say(f"READY=1{patience}")

    def starts_long(self) -> None:
        """The start goes on: the manager waits for it a minute more."""
        self._say(f"EXTEND_TIMEOUT_USEC={_MORE_US}")

    def alive(self) -> None:
        """The loop still turns; said three times in the patience that the manager has."""
        now = time.monotonic()
        if self._patience_us and (now - self._alive_at) * 3e6 >= self._patience_us:
            self._alive_at = now
            self._say("WATCHDOG=1")

    def stands_still(self) -> None:
        """Work begins that takes long, and during which nothing turns."""
        if self._patience_us:
            self._say(f"{_PATIENCE}={_STANDSTILL_US}\nWATCHDOG=1")

    def stopping(self) -> None:
        """The hub ends, as it was asked to."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.setblocking(False)
            speaker.sendto(text.encode("ascii"), address)
