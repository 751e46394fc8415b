"""The secrets of links, sessions and tokens: the same command sent again gets the same secret."""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from services.runtime.credentials import write_durably

_KEY_BYTES = 32


class Keyring:
    """Holds the key in ``file``, which is made once and never leaves HOME."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(file, os.urandom(_KEY_BYTES))
        self._key = file.read_bytes()

    def secret(self, purpose: str, *parts: str) -> str:
        """The secret of 256 bits for these parts: 43 characters that are safe in an address."""
        named = "\x1f".join((purpose, *parts)).encode()
        raw = hmac.new(self._key, named, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def fingerprint(secret: str) -> str:
    """What is kept of a secret: SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
