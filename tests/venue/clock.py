"""The exchange's clock: the real one, one that runs faster, or one turned by hand."""

import time
from collections.abc import Callable


class VenueClock:
    """Market time in ms, and the wall's time that signatures are checked against."""

    def __init__(
        self,
        *,
        start_ms: int | None = None,
        speed: float = 1.0,
        skew_ms: int = 0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if speed < 0:
            raise ValueError(f"speed must be 0 (turned by hand) or more, was {speed}")
        self._wall = wall
        self._born = wall()
        self._start_ms = int(self._born * 1000) if start_ms is None else start_ms
        self._speed = speed
        self._turned_ms = 0
        self.skew_ms = skew_ms  # how far the venue's wall clock is ahead of the client's
        self.wall_shift_ms = 0  # what a fault adds to the wall's time while a request is answered

    def now_ms(self) -> int:
        """Tell market time."""
        passed = (self._wall() - self._born) * 1000 * self._speed
        return self._start_ms + self._turned_ms + int(passed) + self.skew_ms

    def wall_ms(self) -> int:
        """Tell the time that signatures are checked against."""
        return int(self._wall() * 1000) + self.skew_ms + self.wall_shift_ms

    @property
    def speed(self) -> float:
        """Tell how many times faster than real time it runs; 0 is turned by hand only."""
        return self._speed

    def turn(self, ms: int) -> None:
        """Move market time ahead by hand."""
        if ms < 0:
            raise ValueError(f"ms must be 0 or more, was {ms}")
        self._turned_ms += ms
