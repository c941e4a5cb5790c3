"""The tables of a model card that say how well each thing was forecast."""

from collections.abc import Iterator
from typing import Final, Literal

from morningstar_strategy.model.heads import QUANTILES
from morningstar_strategy.model.judging.findings import (
    HEADS,
    CalibrationTable,
    Evaluation,
    Head,
    Metric,
)
from morningstar_strategy.model.judging.tables import MISSING, Table, number, percent, rows_in

__all__ = ["HEAD_NAMES", "skill_tables"]

HEAD_NAMES: Final[dict[Head, str]] = {
    "touch": "Touch",
    "direction": "Direction given touch",
    "volatility": "Volatility",
    "regime": "Turbulence",
    "mfe": "Highest reach (MFE)",
    "mae": "Deepest fall (MAE)",
}
_NAMES: Final = {"log_loss": "log-loss", "qlike": "QLIKE", "har": "HAR", "ewma": "EWMA"}


def skill_tables(found: Evaluation) -> Iterator[Table]:
    """Yield what was forecast how well."""
    yield _champion(found)
    yield _ablations(found)
    yield _comparisons(found)
    yield _quarters(found)
    yield _calibration(found)
    for table in found.calibration:
        if table.family == found.champion:
            yield _reliability(table)
    yield _coverage(found)


def _champion(found: Evaluation) -> Table:
    own = [each for each in found.metrics if each.family == found.champion]
    return Table(
        title=f"Skill of {found.champion}",
        note="Mean loss out of sample beside that of a named baseline on the same rows, lower is "
        "better. t above zero: better than the baseline; autocorrelation-consistent, the "
        "rows of one moment added up first. ± is 1.96 standard errors.",
        head=("Head", "Loss", "Baseline", "Loss of model", "of baseline", "Skill", "±", "t", "n"),
        rows=tuple(
            (
                HEAD_NAMES[each.head],
                _NAMES.get(each.name, each.name),
                _NAMES.get(each.baseline, each.baseline),
                number(each.value, 4),
                number(each.baseline_value, 4),
                percent(each.skill_percent / 100.0, 2),
                percent(1.96 * each.error_percent / 100.0, 2),
                number(each.t),
                f"{each.count:,}",
            )
            for each in own
        ),
        texts=3,
    )


def _ablations(found: Evaluation) -> Table:
    ewma = found.metric(found.champion, "volatility", "ewma").baseline_value
    rows = [
        (family, *(_skill(found.metric(family, head)) for head in HEADS), _qlike(found, family))
        for family in found.whole
    ]
    rows += [
        (family, *(_guessed(found, family, head) for head in HEADS), MISSING)
        for family in found.guesses
    ]
    plain: dict[Head, str] = {head: "0" for head in HEADS if head != "volatility"}
    rows += [
        ("no model", *(plain.get(head, MISSING) for head in HEADS), MISSING),
        ("HAR", *(MISSING if head in plain else "0" for head in HEADS), _qlike(found, "har")),
        ("EWMA", *(MISSING for _ in HEADS), number(ewma, 4)),
    ]
    touched = found.metric(found.champion, "direction").count
    return Table(
        title="Ablations: every family, and what needs no training",
        note=f"Skill against the head's baseline, t in brackets; n = {found.count:,}, for "
        f"direction the {touched:,} rows that touched a barrier. Volatility is against HAR; "
        "no model means prior, persistence and train quantiles, of skill 0 by definition. A best "
        "guess differs in direction only: the likeliest calibration, proven or not; never served.",
        head=("Family", *(HEAD_NAMES[head] for head in HEADS), "QLIKE"),
        rows=tuple(rows),
    )


def _guessed(found: Evaluation, family: str, head: Head) -> str:
    return _skill(found.metric(family, head)) if head == "direction" else MISSING


def _skill(metric: Metric) -> str:
    return f"{percent(metric.skill_percent / 100.0)} ({number(metric.t, 1)})"


def _qlike(found: Evaluation, family: str) -> str:
    return number(found.metric(family, "volatility").value, 4)


def _comparisons(found: Evaluation) -> Table:
    return Table(
        title=f"Every other family against {found.champion}",
        note="Loss of the champion less that of the family: above zero the family is better "
        "(Diebold and Mariano, with the same t as above).",
        head=("Family", "Head", "Gain", "t", "n"),
        rows=tuple(
            (
                each.family,
                HEAD_NAMES[each.head],
                number(each.gain, 5),
                number(each.t),
                rows_in(each),
            )
            for each in found.comparisons
        ),
        texts=2,
    )


def _quarters(found: Evaluation) -> Table:
    rows = []
    for quarter in found.quarters:
        by = {(each.head, each.baseline): each for each in quarter.metrics}
        har, ewma = by["volatility", "har"], by["volatility", "ewma"]
        rows.append(
            (
                quarter.name,
                f"{har.count:,}",
                _skill(by["touch", "prior"]),
                f"{by['direction', 'prior'].count:,}",
                _skill(by["direction", "prior"]),
                number(har.value, 3),
                number(har.baseline_value, 3),
                number(ewma.baseline_value, 3),
                number(har.t, 1),
                _skill(by["regime", "persistence"]),
            )
        )
    return Table(
        title=f"{found.champion} quarter by quarter",
        note="Skill in percent, t in brackets; within one quarter a t says little.",
        head=(
            *("Quarter", "n", "Touch", "n touched", "Direction"),
            *("QLIKE", "HAR", "EWMA", "t vs HAR", "Turbulence"),
        ),
        rows=tuple(rows),
    )


def _calibration(found: Evaluation) -> Table:
    return Table(
        title="Calibration",
        note="Expected calibration error: how far, on average, a probability lies from the share "
        "of events at that probability. Bins of 10 points of probability for touch, of 2 for "
        "direction given touch.",
        head=("Family", "Head", "ECE", "n"),
        rows=tuple(
            (each.family, HEAD_NAMES[each.head], percent(each.ece, 2), rows_in(each))
            for each in found.calibration
        ),
        texts=2,
    )


def _reliability(table: CalibrationTable) -> Table:
    return Table(
        title=f"Reliability of {table.family}: {HEAD_NAMES[table.head].lower()}",
        note="Mean probability forecast beside the share of events that came.",
        head=("Forecast", "Came", "n"),
        rows=tuple(
            (percent(each.forecast), percent(each.observed), rows_in(each)) for each in table.bins
        ),
        texts=0,
    )


def _coverage(found: Evaluation) -> Table:
    sides: tuple[Literal["mfe", "mae"], ...] = ("mfe", "mae")
    rows = []
    for family in found.whole:
        for head in sides:
            own = [e for e in found.coverage if (e.family, e.head) == (family, head)]
            shares = (percent(each.actual) for each in own)
            rows.append((family, HEAD_NAMES[head], *shares, rows_in(own[0])))
    return Table(
        title="Coverage of the distances",
        note="Share of outcomes at or below each forecast quantile; it should be the column's.",
        head=("Family", "Distance", *(f"{level:.0%}" for level in QUANTILES), "n"),
        rows=tuple(rows),
        texts=2,
    )
