"""What a supervisor's failure says comes out of a replay in the same words."""

from pathlib import Path
from typing import Any

import pytest

from morningstar_strategy.actors.retelling import Overheard, Retold
from morningstar_strategy.actors.ways import Case
from morningstar_strategy.border import Asked, Origin, Recorder, Replayer, crossings

# `Any` in this module: a case of which only the number counts


class Hearer:
    """Writes down what it hears, and raises as a consultation does."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def answered(self, case: Case, considered: object) -> None:
        self.heard.append(("answered", f"{considered}"))

    def overdue(self, case: Case) -> None:
        self.heard.append(("overdue",))

    def failed(self, case: Case, error: Exception) -> None:
        self.heard.append(("failed", f"{error}"))
        raise error


class Hasty:
    """A way that tells at once what it was given to tell; it counsels too."""

    def __init__(self, *told: str | Exception | None) -> None:
        self._told = iter(told)

    def begin(self, *, clock: object, listener: Any) -> None:
        self._listener = listener

    def go(self, case: Any) -> None:
        match next(self._told):
            case None:
                self._listener.overdue(case)
            case Exception() as e:
                self._listener.failed(case, e)
            case answer:
                self._listener.answered(case, answer)

    def consider(self, scene: str, purpose: object) -> str:
        return scene


class Numbered:
    """A case as far as a way looks at it."""

    purpose = None

    def __init__(self, number: int) -> None:
        self.number = number
        self.scene = "yes"


class Noon:
    """A clock at which all has happened already."""

    def timestamp_ns(self) -> int:
        return 12


def test_what_was_heard_is_heard_again_with_the_words_of_a_failure(tmp_path: Path) -> None:
    path, clock, told = tmp_path / "crossings.jsonl", Noon(), ("yes", None, ValueError("no π"))
    live, again = Hearer(), Hearer()
    with Recorder(path, clock_ns=lambda: 0) as recorder:
        way: Any = Hasty(*told)
        recorder.attach(way, clock)  # type: ignore[arg-type]
        Overheard(way, recorder).begin(clock=clock, listener=live)  # type: ignore[arg-type]
        way.go(Numbered(1))
        way.go(Numbered(2))
        with pytest.raises(ValueError, match="no π"):
            way.go(Numbered(3))
        recorder.call(Origin.MADE, Asked("end"), lambda: None)
    replayer = Replayer(crossings(path.read_text().splitlines(keepends=True)))
    retold = Retold(Hasty(), replayer)  # type: ignore[arg-type]
    retold.begin(clock=clock, listener=again)  # type: ignore[arg-type]
    for number in (1, 2, 3):
        retold.consider(Numbered(number))  # type: ignore[arg-type]
    replayer.call(Origin.MADE, Asked("end"), lambda: None)
    assert replayer.parted == ""
    assert again.heard == live.heard == [("answered", "yes"), ("overdue",), ("failed", "no π")]
