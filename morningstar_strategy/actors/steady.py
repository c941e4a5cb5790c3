"""Time for durations, which goes on where the clock of the wall stands still."""

__all__ = ["SteadyTime"]


class SteadyTime:
    """Adds up what a clock shows from look to look; one set back counts `step_ns` a look.

    A live engine's clock stands still after the machine's was set back, until that has caught up:
    whoever waits by it for so long waits for ever.
    """

    def __init__(self, *, step_ns: int) -> None:
        self._step_ns = step_ns
        self._seen_ns: int | None = None
        self.ns = 0  # UNIX nanoseconds while the clock was never set back

    def look(self, now_ns: int) -> int:
        """Take a look at the clock; give the steady time."""
        if self._seen_ns is None:
            self.ns = now_ns
        else:
            passed_ns = now_ns - self._seen_ns
            self.ns += passed_ns if passed_ns > 0 else self._step_ns
        self._seen_ns = now_ns
        return self.ns
