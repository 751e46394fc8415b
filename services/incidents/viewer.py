"""Who looks into the log, and what may be seen from there now."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.directory import Directory
from schemas.sharing import Reach, may_see


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and what decides what may be seen now."""

    watch: str
    directory: Directory
    now: datetime
    organisation: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "organisation", self.watch.partition(".")[0])

    def sees(self, reach: Reach) -> bool:
        """True if the viewer's watch may see what has this reach."""
        return may_see(reach, self.watch, self.directory, self.now)

    def is_house_of(self, owner: str) -> bool:
        """True if the owner is a watch of the viewer's organisation."""
        return owner.partition(".")[0] == self.organisation

    def may_count(self, owner: str) -> bool:
        """True if the viewer may know the owner's running numbers: a hidden watch's tell how much it has."""
        return owner == self.watch or (self.is_house_of(owner) and not self.directory.hidden(owner))
