"""Laws of feeding a model from outside: nothing that is told later changes a forecast."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtests.data import load_externals
from backtests.leaks.rows import look_ahead, responds
from catalog.externals import write_externals
from catalog.kinds import EXTERNALS
from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.bundle import MorningstarModel
from morningstar_strategy.model.forecast_cache import key_of
from morningstar_strategy.model.forecasts import ForecastTable, StreamForecaster, tabulate
from morningstar_strategy.model.manifest import ALT
from morningstar_strategy.model.outside import Recorded
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.reading import COLUMNS
from morningstar_strategy.settings.schema import DataSettings
from tests.models import HOUR_NS, START_NS, market, tiny_bundle

NAME: Final = "BTCUSDT-PERP.BINANCE"
NAMES: Final = ("a-outside", "b-outside", "c-outside")
DAY_NS: Final = 24 * HOUR_NS
BARS: Final = market(WARMUP + 120, seed=4)
FIRST: Final = WARMUP + 1  # bars from which on two vectors are known
CUTS: Final = st.integers(FIRST + 4, len(BARS) - 2)
FIRST_NS: Final = int(BARS.ts_event[FIRST - 30])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MorningstarModel:
    folder = tmp_path_factory.mktemp("outside") / "tiny"
    recipe = {"seed": 3, "outside": list(NAMES)}
    return MorningstarModel(tiny_bundle(folder, window=2, alt=True, recipe=recipe))


def number(source: str, known: int, lag: int, value: float) -> External:
    return External(
        source=source,
        symbol="",
        ts_event=known - lag,
        ts_known=known,
        trust=Trust.NUMBER,
        value=value,
    )


numbers = st.builds(
    number,
    source=st.sampled_from(NAMES),
    # Often at a bar's close to the nanosecond, or one beside it
    known=st.builds(
        lambda at, beside: int(BARS.ts_event[at]) + beside,
        st.integers(FIRST - 30, len(BARS) - 1),
        st.sampled_from((-1, 0, 1, HOUR_NS // 2)),
    ),
    lag=st.integers(0, 30).map(lambda hours: hours * HOUR_NS),
    value=st.floats(-2.0, 2.0, width=32),
)
series = st.lists(numbers, max_size=25)


def fed(model: MorningstarModel, told: Sequence[External]) -> BundlePredictor:
    return BundlePredictor(model, Recorded(timeline=Timeline(told), names=NAMES))


def streamed(predictor: BundlePredictor, first: int, last: int) -> FloatArray:
    """Forecast some bars as they come one by one."""
    stream = StreamForecaster(NAME, predictor, BARS[:first])
    said = [stream.absorb(*row) for row in BARS[first : last + 1].rows()]
    return np.array([[getattr(each, name) for name in COLUMNS] for each in said])


def assert_same_until(one: ForecastTable, other: ForecastTable, last: int) -> None:
    assert np.array_equal(one.values[: last + 1], other.values[: last + 1])
    assert np.array_equal(one.codes[: last + 1], other.codes[: last + 1])


@settings(max_examples=60)
@given(told=series, others=series, at=CUTS)
def test_what_is_known_after_a_bars_close_never_changes_its_forecast(
    model: MorningstarModel, told: list[External], others: list[External], at: int
) -> None:
    """The future is taken away, and put in the place of another."""
    close = int(BARS.ts_event[at])
    past = [each for each in told if each.ts_known <= close]
    future = [each for each in others if each.ts_known > close]
    predictors = [fed(model, some) for some in (told, past, [*past, *future])]
    first, *rest = [tabulate(each, BARS) for each in predictors]
    for table in rest:
        assert_same_until(first, table, at)
    one, *more = [streamed(each, at - 2, at) for each in predictors]
    for other in more:
        assert np.array_equal(one, other)


@settings(max_examples=40)
@given(told=series, block=st.integers(1, 200), first=CUTS)
def test_bar_by_bar_says_what_the_table_says(
    model: MorningstarModel, told: list[External], block: int, first: int
) -> None:
    predictor = fed(model, told)
    table = tabulate(predictor, BARS)
    blocks = tabulate(predictor, BARS, block=max(block, 20), threads=2)
    assert np.allclose(blocks.values, table.values, rtol=1e-6, atol=1e-9)
    one_by_one = streamed(predictor, first - 3, len(BARS) - 1)
    assert np.allclose(one_by_one, table.values[first - 3 :], rtol=1e-6, atol=1e-9)


@settings(max_examples=40)
@given(told=series, others=series)
def test_what_is_fed_otherwise_is_kept_under_another_key(
    model: MorningstarModel, told: list[External], others: list[External]
) -> None:
    one, other = fed(model, told), fed(model, others)
    here, there = one.fed(BARS.ts_event), other.fed(BARS.ts_event)
    same = all(here[name].tobytes() == there[name].tobytes() for name in here)
    assert (key_of(one, NAME, BARS) == key_of(other, NAME, BARS)) is same


def test_what_is_known_in_time_does_change_the_forecast(model: MorningstarModel) -> None:
    """A law about what never changes proves nothing about the dead."""
    at = FIRST + 20
    close = int(BARS.ts_event[at])
    without = tabulate(fed(model, []), BARS)
    for late, changed in ((0, True), (1, False)):
        table = tabulate(fed(model, [number(NAMES[1], close + late, 0, 1.5)]), BARS)
        assert (table.values[at] != without.values[at]).any() == changed
        assert (table.values[at + 1] != without.values[at + 1]).any()
        assert_same_until(table, without, at - 1)


# ---- from the catalog's files to the forecast


def filed(root: Path, told: Sequence[External]) -> Path:
    """Write what was told as a catalog holds it."""
    for name in NAMES:
        mine = {each.ts_event: each for each in told if each.source == name}
        rows = [mine[ts] for ts in sorted(mine)]
        stamps = {"ts_event": [r.ts_event for r in rows], "ts_init": [r.ts_known for r in rows]}
        blank = [""] * len(rows)
        columns = {
            **dict.fromkeys(("measure", "item", "symbol"), blank),
            "value": [each.value for each in rows],
            "text": [None] * len(rows),
            **stamps,
        }
        schema = EXTERNALS.schema(name)
        table = pa.table(
            {field.name: pa.array(columns[field.name], field.type) for field in schema}
        )
        write_externals(root, name, table.cast(schema))
    return root


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(told=st.lists(numbers, min_size=3, max_size=25), at=CUTS)
def test_a_catalog_that_learns_more_later_serves_the_same_of_before(
    model: MorningstarModel,
    tmp_path_factory: pytest.TempPathFactory,
    told: list[External],
    at: int,
) -> None:
    close = int(BARS.ts_event[at])
    always = [number(name, FIRST_NS, 0, 1.0) for name in NAMES]
    distinct = {(each.source, each.ts_event): each for each in (*told, *always)}.values()
    past = [each for each in distinct if each.ts_known <= close]
    tables = []
    for some in (list(distinct), past):
        data = DataSettings(
            catalog=filed(tmp_path_factory.mktemp("catalog"), some), externals=NAMES
        )
        outside = Recorded(timeline=load_externals(data), names=data.externals)
        tables.append(tabulate(BundlePredictor(model, outside), BARS))
    assert_same_until(tables[0], tables[1], at)


# ---- a lag that somebody forgot is found by the detectors of the features


def days_of(bars: BarWindow, *, lag: int) -> Timeline:
    """Tell each day's mean close, stamped as the day begins, known by a lag after it."""
    day = bars.ts_event // DAY_NS
    told = [
        number("a-outside", int(each) * DAY_NS + lag, lag, float(bars.close[day == each].mean()))
        for each in np.unique(day)
    ]
    others = [number(name, START_NS, 0, 1.0) for name in NAMES[1:]]
    return Timeline([*told, *others])


def column(model: MorningstarModel, bars: BarWindow, *, lag: int) -> FloatArray:
    """Give what the bundle is fed at each bar's close, beside the close itself."""
    outside = Recorded(timeline=days_of(bars, lag=lag), names=NAMES)
    told = BundlePredictor(model, outside).fed(bars.ts_event)[ALT]
    return np.column_stack([told.astype(np.float64), bars.close])


def test_a_series_known_before_its_day_is_over_is_found(model: MorningstarModel) -> None:
    bars = market(200, seed=8)
    cuts = (61, 90, 133)
    assert look_ahead(lambda b: column(model, b, lag=DAY_NS), bars, cuts) is None
    assert responds(lambda b: column(model, b, lag=DAY_NS), bars, 90)
    found = look_ahead(lambda b: column(model, b, lag=0), bars, cuts)
    assert found is not None
    assert found.columns == ("0",)


def test_a_bundle_that_is_fed_by_another_remembers_nothing(model: MorningstarModel) -> None:
    told = [number(name, int(BARS.ts_event[FIRST]), 0, 1.0) for name in NAMES]
    full, empty = fed(model, told), fed(model, [])
    assert empty.fed_by(Recorded(timeline=Timeline(told), names=NAMES)).missing == ()
    assert np.array_equal(
        tabulate(empty.fed_by(Recorded(timeline=Timeline(told), names=NAMES)), BARS).values,
        tabulate(full, BARS).values,
    )
    few = Recorded(timeline=Timeline(told), names=NAMES[:1])
    assert full.fed_by(few).missing == NAMES[1:]
    known = [replace(each) for each in told if each.source == NAMES[0]]
    assert np.array_equal(
        tabulate(full.fed_by(few), BARS).values, tabulate(fed(model, known), BARS).values
    )
