"""What is said of one operation of the HTTP interface."""

from dataclasses import dataclass

from pydantic import BaseModel

from schemas.envelope import Request as Command


@dataclass(frozen=True, slots=True)
class Told:
    """What one operation says: ``asks`` are its query parameters and headers, ``says`` is its command.

    ``seeks`` is what a question that changes nothing holds in its body.
    ``is_file``: a file comes with the command in a form. ``gives`` are the types of a file that is answered.
    """

    summary: str
    answer: type[BaseModel]
    asks: tuple[str, ...] = ()
    says: type[Command] | None = None
    from_path: tuple[str, ...] = ()
    scope: str | None = None
    is_stream: bool = False
    seeks: type[BaseModel] | None = None
    is_file: bool = False
    gives: tuple[str, ...] = ()
