"""`live/run_node.py` with what a test wants to go wrong in it, for `LiveNode(program=...)`.

The variable GAPS holds JSON: `raise_at` names a file whose coming lets the predictor raise once,
`impatient` gives requests and absent orders two seconds, `threads` names a file for what every
thread did.
"""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from types import FrameType
from typing import Any, Final

from morningstar_strategy import faults

# `Any` in this module: it wraps functions of every shape

_OURS: Final = ("live", "morningstar_strategy", "ccxt_nt", "catalog")
_CALLS: Final = (
    "publish_message",
    "submit_order",
    "modify_order",
    "cancel_order",
    "close_all_positions",
    "subscribe_bars",
    "subscribe_topic",
    "request_bars",
)


class ThreadWatch:
    """Notes which thread runs our callbacks, calls the engine, and runs which of our modules."""

    def __init__(self) -> None:
        self.callbacks: Counter[str] = Counter()  # by thread
        self.calls: Counter[str] = Counter()
        self.foreign: set[str] = set()  # our modules that ran on a thread that is not the engine's
        self.touched: set[str] = set()  # what of the engine such a thread has called

    def begin(self) -> None:
        """Watch every thread from now on; the engine's own classes come later."""
        threading.setprofile(self._see)
        original = faults.guarded

        def guarded(callback: Callable[..., None]) -> Any:
            return original(self._counting(callback, self.callbacks))

        faults.guarded = guarded

    def watch_calls(self) -> None:
        """Count what our actors and strategies call of the engine."""
        from morningstar_strategy.actors.base import Actor
        from morningstar_strategy.strategy.telling import Teller

        for kind in (Actor, Teller):
            for name in _CALLS:
                if hasattr(kind, name):
                    setattr(kind, name, self._counting(getattr(kind, name), self.calls))

    def _counting(self, act: Callable[..., Any], count: Counter[str]) -> Callable[..., Any]:
        @wraps(act)
        def counting(*args: Any, **more: Any) -> Any:
            count[threading.current_thread().name] += 1
            return act(*args, **more)

        return counting

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            module = str(frame.f_globals.get("__name__", ""))
            if module.split(".")[0] in _OURS:
                self.foreign.add(module)
        elif event == "c_call":
            owner = type(getattr(arg, "__self__", None)).__module__
            told = f"{owner} {getattr(arg, '__module__', '')}"
            if "nautilus" in told:
                self.touched.add(f"{told} {getattr(arg, '__qualname__', arg)}")

    def told(self) -> dict[str, Any]:
        """Give what was seen."""
        return {
            "engine": threading.main_thread().name,
            "callbacks": dict(self.callbacks),
            "calls": dict(self.calls),
            "foreign": sorted(self.foreign),
            "touched": sorted(self.touched),
        }


def _raise_at(sign: Path) -> None:
    from morningstar_strategy.model.predictor import BaselinePredictor

    original = BaselinePredictor.predict

    def predict(self: Any, *args: Any) -> Any:
        if sign.exists():
            sign.unlink()
            raise ArithmeticError("the model is broken")
        return original(self, *args)

    setattr(BaselinePredictor, "predict", predict)  # noqa: B010 - this is the gap


def _be_impatient() -> None:
    from ccxt_nt import clients_for
    from live import venues

    impatient = partial(clients_for, settle_secs=2.0, deadline_secs=2.0)
    setattr(venues, "clients_for", impatient)  # noqa: B010 - this is the gap


def main() -> int:
    """Run the node."""
    gaps = json.loads(os.environ.get("GAPS", "{}"))
    watch = ThreadWatch()
    if "threads" in gaps:
        watch.begin()
        watch.watch_calls()
    if "raise_at" in gaps:
        _raise_at(Path(gaps["raise_at"]))
    if gaps.get("impatient"):
        _be_impatient()
    from live.run_node import main as run

    code = run(sys.argv[1:])
    if "threads" in gaps:
        Path(gaps["threads"]).write_text(json.dumps(watch.told()), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
