"""Why no new risk may be taken just now: conditions that come and go, unlike a latched halt."""

from collections.abc import Callable, Mapping

__all__ = ["Hindrances"]


class Hindrances:
    """What stands in the way of new risk, by who says so; the engine's thread alone touches it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self.tell: Callable[[str, str], None] = lambda source, reason: None  # of each change

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def known(self) -> Mapping[str, str]:
        """Give the reasons by source."""
        return dict(self._known)

    @property
    def reason(self) -> str:
        """Give all reasons in one sentence, "" where nothing stands in the way."""
        return "; ".join(f"{source}: {reason}" for source, reason in sorted(self._known.items()))

    def note(self, source: str, reason: str) -> None:
        """Take notice of what a source says; "" means that nothing is wrong with it any more."""
        before = self._known.get(source, "")
        if reason:
            self._known[source] = reason
        else:
            self._known.pop(source, None)
        if bool(reason) is not bool(before):
            self.tell(source, reason)
