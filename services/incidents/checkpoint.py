"""Signed checkpoints: what a log's tree was at a moment, in the form of C2SP tlog-checkpoint and signed-note.

Pure. The lines are the log's name, the number of its facts, the root in base64, and when it was made in
seconds since 1970; after an empty line stands the signature of the hub's key (Ed25519).
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

_ED25519 = b"\x01"
_MARK = "\u2014 "
_TIME = "time "
_KEY_BYTES = 32


class BadNote(ValueError):
    """A text is no signed checkpoint, or no key; ``args`` say which part is wrong."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree at a moment. ``log`` names it: ``actual/4601.vaktsentral``; ``at`` is in seconds since 1970."""

    log: str
    size: int
    root: bytes
    at: int

    def body(self) -> str:
        """The lines that are signed."""
        root = base64.b64encode(self.root).decode()
        return f"samvirke/{self.log}\n{self.size}\n{root}\n{_TIME}{self.at}\n"

    def name(self) -> str:
        """The name under which the key signs: the log's own, as C2SP has it."""
        return f"samvirke/{self.log}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its signature."""

    checkpoint: Checkpoint
    signature: bytes
    key_hash: bytes

    def note(self) -> str:
        """The signed note."""
        tail = base64.b64encode(self.key_hash + self.signature).decode()
        return f"{self.checkpoint.body()}\n{_MARK}{self.checkpoint.name()} {tail}\n"


def log_name(mode: str, watch: str) -> str:
    """The name of a watch's log in a mode."""
    return f"{mode}/{watch}"


def public_key(seed: bytes) -> bytes:
    """The public key of a seed of 32 bytes."""
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed).verify_key)


def sign(checkpoint: Checkpoint, seed: bytes) -> Signed:
    """The checkpoint under the hub's signature; the same each time."""
    from nacl.signing import SigningKey

    key = SigningKey(seed)
    signature = key.sign(checkpoint.body().encode()).signature
    return Signed(checkpoint, signature, key_hash(checkpoint.name(), bytes(key.verify_key)))


def key_hash(name: str, public: bytes) -> bytes:
    """The first four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key), as signed-note has it."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """The public key in the form of signed-note: name, hash, key."""
    return f"{name}+{key_hash(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def read_key(text: str) -> bytes:
    """The public key in a line of ``verifier_key``, whatever its name. Raises BadNote."""
    name, _, rest = text.strip().partition("+")
    try:
        raw = base64.b64decode(rest.partition("+")[2], validate=True)
    except binascii.Error:
        raise BadNote("key") from None
    if len(raw) != 1 + _KEY_BYTES or raw[:1] != _ED25519:
        raise BadNote("key")
    if verifier_key(name, raw[1:]) != text.strip():
        raise BadNote("key")
    return raw[1:]


def read_note(text: str) -> Signed:
    """The checkpoint in a signed note; its signature is not looked at. Raises BadNote."""
    body, _, tail = text.partition("\n\n")
    lines = body.split("\n")
    try:
        name, size, root, made = lines
        signature = base64.b64decode(tail.rstrip("\n").rpartition(" ")[2], validate=True)
        found = Checkpoint(
            name.removeprefix("samvirke/"),
            int(size),
            base64.b64decode(root, validate=True),
            int(made.removeprefix(_TIME)),
        )
    except (ValueError, binascii.Error):
        raise BadNote("lines") from None
    signed = Signed(found, signature[4:], signature[:4])
    if signed.note() != text:
        raise BadNote("form")
    return signed


def is_signed(signed: Signed, public: bytes) -> bool:
    """True if the holder of that key has signed the checkpoint."""
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    if signed.key_hash != key_hash(signed.checkpoint.name(), public):
        return False
    try:
        VerifyKey(public).verify(signed.checkpoint.body().encode(), signed.signature)
    except (BadSignatureError, ValueError):
        return False
    return True
