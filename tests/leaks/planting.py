"""A planted leak, or an honest twin that must not be suspected."""

from collections.abc import Callable
from dataclasses import dataclass

from backtests.leaks.findings import Detector, Finding

__all__ = ["Plant", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Something put through a detector; `detector` is None for what is honest."""

    name: str
    detector: Detector | None
    find: Callable[[], Finding | None]

    def miss(self) -> str | None:
        """Look, and say what went wrong, None where it is as it should be."""
        found = self.find()
        if self.detector is None:
            return None if found is None else f"suspected: {found}"
        if found is None:
            return f"not found by {self.detector.value}"
        if found.detector is not self.detector or not found.columns:
            return f"found as {found.detector.value}: {found}"
        return None


def named(function: Callable[..., object]) -> str:
    """Give the name of a plant's function in words."""
    return function.__name__.strip("_").replace("_", " ")
