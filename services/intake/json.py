"""The only place where JSON from outside is read: no key twice, limits on size and depth, a known shape."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from schemas.canonical import DuplicateKey, parse
from services.intake.warning import MAX_BYTES, ParseRefused

T = TypeVar("T")


def read(raw: bytes, shape: Callable[[JsonValue], T]) -> T:
    """What ``shape`` makes of the message. Refuses what is too large, too deep or not JSON."""
    if len(raw) > MAX_BYTES:
        raise ParseRefused("TOO_LARGE", limit=MAX_BYTES)
    try:
        return shape(parse(raw))
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        index = next((part for part in place if isinstance(part, int)), 0)
        field = next((part for part in reversed(place) if isinstance(part, str)), "")
        raise ParseRefused("WRONG_SHAPE", record=index, field=field) from None
    except DuplicateKey:
        raise ParseRefused("DUPLICATE_KEY") from None
    except RecursionError:
        raise ParseRefused("TOO_DEEP") from None
    except ValueError:
        raise ParseRefused("NOT_JSON") from None
