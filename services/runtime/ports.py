"""Ports that the hub is about to listen on."""

import socket

from services.runtime.settings import Settings, every_setting

_NEEDED = ("port_desk", "port_phone")
"""Without these the hub is of no use; health goes without."""


class PortTaken(Exception):
    """Another program listens on a port of the hub."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(f"{setting}={port}")
        self.port = port
        self.setting = setting


def require_free(settings: Settings) -> None:
    """Raises PortTaken for the first port that cannot be listened on; 0 is always free."""
    variables = {setting.key: setting.variable for setting in every_setting()}
    for key in _NEEDED:
        port: int = getattr(settings, key)
        if port and not _is_free(settings.host, port):
            raise PortTaken(port, variables[key])


def _is_free(host: str, port: int) -> bool:
    """True if nobody listens; a name that has no address is left to those who will listen."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        return True
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
