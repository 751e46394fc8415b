"""The closed lists of words that commands and facts are made of."""

from datetime import timedelta
from enum import StrEnum


class Mode(StrEnum):
    """Actual events and exercises never mix (R18)."""

    ACTUAL = "actual"
    EXERCISE = "exercise"


class Level(StrEnum):
    """Widest circle that may see an item; ordered from narrow to wide (R8, D20)."""

    WATCH = "watch"
    ORGANISATION = "organisation"
    NAMED = "named"
    REGION = "region"
    PUBLIC = "public"

    @property
    def rank(self) -> int:
        """Place in the order from narrow (0) to wide (4)."""
        return _LEVELS.index(self)

    def __lt__(self, other: object) -> bool:
        return isinstance(other, Level) and self.rank < other.rank

    def __le__(self, other: object) -> bool:
        return isinstance(other, Level) and self.rank <= other.rank

    def __gt__(self, other: object) -> bool:
        return isinstance(other, Level) and self.rank > other.rank

    def __ge__(self, other: object) -> bool:
        return isinstance(other, Level) and self.rank >= other.rank


_LEVELS = list(Level)


class Tag(StrEnum):
    """What an item holds; each tag caps its level (R9)."""

    HEALTH = "health"
    CHILD = "child"
    PERSON = "person"
    VULNERABILITY = "vuln"
    GRADED = "graded"


class Priority(StrEnum):
    """P1 to P3 and information."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    INFO = "info"


class IncidentState(StrEnum):
    """The life of an incident; it is reopened by leaving ``closed``."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


class EntryKind(StrEnum):
    """Kinds of log entries (R3)."""

    INFORMATION = "information"
    MESSAGE_IN = "message_in"
    MESSAGE_OUT = "message_out"
    DECISION = "decision"
    TASK = "task"
    STATUS = "status"
    HANDOVER = "handover"
    CORRECTION = "correction"


class Role(StrEnum):
    """What a person may do, per organisation or watch."""

    READER = "reader"
    OPERATOR = "operator"
    LEADER = "leader"
    APPROVER = "approver"
    ARCHIVE_OWNER = "archive_owner"
    DPO = "dpo"
    OPS = "ops"


class Language(StrEnum):
    """What people are written to in (BCP 47)."""

    BOKMAL = "nb"
    NYNORSK = "nn"
    ENGLISH = "en"


class DutyFunction(StrEnum):
    """Who in a watch is told first, second and third."""

    PRIMARY = "primary"
    BACKUP = "backup"
    LEADER = "leader"


class Authentication(StrEnum):
    """How the sender proved who acts."""

    SESSION = "session"
    LINK = "link"
    TOKEN = "token"  # noqa: S105 - a kind of proof, not a secret
    CREDENTIAL = "credential"
    SERVICE = "service"


class ContentClass(StrEnum):
    """Which content stream subject the text lies under: the watch's own, or shared with others (D16)."""

    WATCH = "watch"
    SHARED = "shared"


class Channel(StrEnum):
    """Ways a person is told."""

    EMAIL = "email"
    GATEWAY = "gateway"


SHIFT = timedelta(hours=12)
"""How long a reason given for reading stands, and how long a closed incident may be read as if open."""


class ReadGround(StrEnum):
    """Grounds of reading that need no words: it is the own watch's, that was told of it, or had it shared."""

    OWN = "own"
    TOLD = "told"
    SHARED = "shared"


class ReadReason(StrEnum):
    """Why somebody reads what is closed or another watch's; ``urgent`` may be looked into afterwards."""

    URGENT = "urgent"
    DUTY = "duty"
    HANDOVER = "handover"
    FOLLOW_UP = "follow_up"
    EVALUATION = "evaluation"
    COMPLAINT = "complaint"
    ACCESS_REQUEST = "access_request"
    ARCHIVE = "archive"
    AUDIT = "audit"
