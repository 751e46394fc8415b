"""Which words of which circles the archive's list has for certain, so that they are not looked up again."""

from collections.abc import Callable

from services.incidents.terms import Circle, is_listed

MOST = 50_000
"""Terms in memory."""

Word = tuple[str, str]
"""Circle and word."""


class Vocabulary:
    """The circles of a mode, with the terms of the words that were written last."""

    def __init__(self) -> None:
        self._circles: dict[str, Circle] = {}
        self._count = 0
        self._is_kept = True

    @property
    def circle_of(self) -> Callable[[str], Circle]:
        """A circle by its name."""
        return self._circle

    def begin(self) -> None:
        """A transaction begins; if the one before failed, its words are not on the list."""
        if not self._is_kept or self._count > MOST:
            self.forget()
        self._is_kept = False

    def kept(self) -> None:
        """The transaction's words are on the list."""
        self._is_kept = True

    def forget(self) -> None:
        """Words may have gone from the list."""
        self._circles.clear()
        self._count = 0

    def new(self) -> list[Word]:
        """The words that were met first since this was last asked, and belong on the list."""
        found: list[Word] = []
        for name, circle in self._circles.items():
            for numbers in (circle.words, circle.marks):
                self._count += len(numbers.new)
            found += [(name, word) for word in circle.words.new if is_listed(word)]
            circle.words.new, circle.marks.new = [], []
        return found

    def _circle(self, name: str) -> Circle:
        circle = self._circles.get(name)
        if circle is None:
            circle = self._circles[name] = Circle(name)
        return circle
