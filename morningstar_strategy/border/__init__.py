"""The border of a strategy: whatever it does not compute itself comes in and goes out here."""

from morningstar_strategy.border.crossing import Asked, Border, Codec, Origin, crossing
from morningstar_strategy.border.reading import crossings
from morningstar_strategy.border.recorder import Recorder, crossings_file
from morningstar_strategy.border.replayer import DivergedError, Replayer

__all__ = [
    "Asked",
    "Border",
    "Codec",
    "DivergedError",
    "Origin",
    "Recorder",
    "Replayer",
    "crossing",
    "crossings",
    "crossings_file",
]
