"""A log that does not drown in the complaints of one broken stream."""

from collections.abc import Callable
from typing import Final

_FIRST: Final = 3  # that are logged; later ones only at powers of two


class Complaints:
    """A log that does not drown: each of the first few, then ever fewer."""

    def __init__(self, about: str, log: Callable[[str], None]) -> None:
        self._about = about
        self._log = log
        self.count = 0

    def add(self, text: str) -> None:
        """Note one more, and say so if it is time."""
        self.count += 1
        if self.count <= _FIRST or self.count & (self.count - 1) == 0:
            self._log(f"{self._about}: left out (no. {self.count}): {text}")
