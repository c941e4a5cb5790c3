"""Every look at a configuration, one after the other, and what came of it as a table or JSON."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.markup import escape
from rich.table import Table

from backtests.leaks.findings import Check, Clean, Detector, Finding, NotApplicable
from backtests.leaks.lessons import look_at_lessons
from backtests.leaks.looks import look_at_features, look_at_forecasts, look_at_windows
from backtests.leaks.subject import Subject
from backtests.leaks.surroundings import look_at_outside, look_at_run
from morningstar_strategy.core.scene import NotKnownYetError

__all__ = ["as_document", "as_table", "is_clean", "look_at_everything"]

type Look = Callable[[Subject], Iterator[Check]]
type Progress = Callable[[str, float], None]

_LOOKS: Final[dict[str, Look]] = {
    "features": look_at_features,
    "forecasts": look_at_forecasts,
    "windows": look_at_windows,
    "training": look_at_lessons,
    "series from outside": look_at_outside,
    "runs in other futures": look_at_run,
}


def look_at_everything(subject: Subject, progress: Progress) -> tuple[Check, ...]:
    """Run every detector on what a configuration uses."""
    checks: list[Check] = []
    for number, (what, look) in enumerate(_LOOKS.items()):
        progress(f"looking at {what}", number / len(_LOOKS))
        for done, check in enumerate(_guarded(what, look(subject)), start=1):
            checks.append(check)
            progress(f"looking at {what}", (number + done / (done + 1)) / len(_LOOKS))
    return tuple(checks)


def _guarded(what: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Give the checks; where a scene refuses to be made of the future, that is a leak found."""
    try:
        yield from checks
    except NotKnownYetError as e:
        message = f"a run was stopped before it asked anything: {e}"
        found = Finding(detector=Detector.KNOWN_AT, row=0, columns=("externals",), message=message)
        yield Check(detector=Detector.KNOWN_AT, subject=what, verdict=found)


def is_clean(checks: Sequence[Check]) -> bool:
    """Say whether no detector found a leak."""
    return not any(isinstance(each.verdict, Finding) for each in checks)


def as_table(checks: Sequence[Check], *, title: str) -> Table:
    """Lay the checks out for a person."""
    table = Table(title=title)
    table.add_column("detector", no_wrap=True)
    for name in ("looked at", "verdict", "evidence"):
        table.add_column(name, overflow="fold")
    for check in checks:
        match check.verdict:
            case Clean(compared=compared):
                word, style, told = "clean", "green", compared
            case Finding() as found:
                word, style = "LEAK", "bold red"
                moved = f": {found.was} became {found.became}" if found.was else ""
                told = f"{found.message}{moved}"
            case NotApplicable(reason=reason):
                word, style, told = "not applicable", "dim", reason
        table.add_row(
            check.detector.value, escape(check.subject), f"[{style}]{word}[/]", escape(told)
        )
    return table


def as_document(check: Check) -> dict[str, object]:
    """Give a check as JSON values."""
    told: dict[str, object] = {"detector": check.detector.value, "looked_at": check.subject}
    match check.verdict:
        case Clean(compared=compared):
            return {**told, "verdict": "clean", "evidence": compared}
        case NotApplicable(reason=reason):
            return {**told, "verdict": "not applicable", "evidence": reason}
        case Finding() as found:
            return {
                **told,
                "verdict": "leak",
                "evidence": found.message,
                "row": found.row,
                "columns": list(found.columns),
                "was": found.was,
                "became": found.became,
            }
