"""Commands and facts of files in the incident log; their bytes lie in an object store of their own.

A file comes in parts (``UploadChunk``), each stored before it is answered; then ``AttachFile`` makes an entry
of it. Type and number of parts stand in the fact; name, size and SHA-256 are content, since they can tell
whose file it is (D16).
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Body, Code, Line, Request, Strict, Token, Tolerant
from schemas.incidents import TRADE, EntryAdded, ItemContent, Ref, Shared
from schemas.vocabulary import EntryKind, Priority

CHUNK_BYTES = 128 * 1024
"""As in NATS' own object stores."""
CHUNKS_MOST = 8192

MediaType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "video/mp4",
    "application/pdf",
    "text/plain",
    "text/csv",
]

EXTENSIONS: dict[MediaType, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg", "jpe"),
    "image/png": ("png",),
    "image/webp": ("webp",),
    "image/heic": ("heic", "heif"),
    "video/mp4": ("mp4", "m4v"),
    "application/pdf": ("pdf",),
    "text/plain": ("txt", "text", "log"),
    "text/csv": ("csv",),
}
"""What a duty room keeps, and how the names of such files end; the first is given to a name without one."""
Digest = Annotated[str, StringConstraints(pattern=r"^SHA-256=[A-Za-z0-9_-]{43}=$")]
"""As NATS' object stores write it."""
Data = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$", max_length=4 * CHUNK_BYTES // 3 + 8)
]


class ChunkContent(Strict):
    """A part of a file, in base64; all parts but the last are of 128 KiB."""

    data: Data


class UploadChunk(Request):
    """One part of a file that is to be attached, the first is number 0; the sender makes the upload's id.

    Sent one after another; a part that is sent again is stored once. What no fact names is removed later.
    """

    trade = TRADE
    verb = "chunk"
    content_model = ChunkContent
    upload: Token
    number: Annotated[int, Field(ge=0, lt=CHUNKS_MOST)]


class FileContent(ItemContent):
    """What is typed about a file: its name and words beside it; and what could tell whose it is."""

    file: Line
    size: Annotated[int, Field(ge=1)]
    digest: Digest


class AttachFile(Request, Shared):
    """Make an entry of a file whose parts are stored. ``media_type`` is what the sender says that it is."""

    trade = TRADE
    verb = "attach"
    content_model = FileContent
    incident: Token | None = None
    ref: Ref | None = None
    upload: Token
    chunks: Annotated[int, Field(ge=1, le=CHUNKS_MOST)]
    media_type: MediaType
    priority: Priority | None = None
    confirmed: bool = True
    channel: Code | None = None


class Attached(EntryAdded):
    """An entry that is a file. ``object`` names its bytes in the object store."""

    name = "attached"
    kind: EntryKind = EntryKind.INFORMATION
    object: str
    chunks: int
    media_type: str


class SharedCopy(Tolerant):
    """The copy of a file for others than its own watch: without place, author and other hidden data."""

    object: str
    chunks: int


class AttachmentChecked(Body):
    """What became of a file after it was attached: scanned for viruses, and copied for others if it may be.

    ``failed``: the scanner did not answer; it is asked again. ``unscanned``: no scanner is set. Without
    ``shared`` nobody but the file's own watch gets it.
    """

    trade = TRADE
    name = "attachment_checked"
    attachment: str
    outcome: Literal["clean", "infected", "failed", "unscanned"]
    shared: SharedCopy | None = None


def claimed_by(name: str) -> MediaType | None:
    """The media type that a file's name claims by its ending, or None."""
    ending = name.rpartition(".")[2].strip().lower()
    return next((sort for sort, endings in EXTENSIONS.items() if ending in endings), None)


COMMANDS = (UploadChunk, AttachFile)
FACTS = (Attached, AttachmentChecked)
