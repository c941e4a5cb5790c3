"""Nothing is decided on a price at which nothing was traded."""

from nautilus_trader.model import Bar, Quantity

from morningstar_strategy.core.records import Kind
from tests.harness.market import bar_type, make_bar, perpetual, prediction
from tests.harness.runs import Rig, of_kind


def silent(bar: Bar) -> Bar:
    """Give the same bar without volume."""
    none = Quantity(0.0, 3)
    kind, ts_event = bar.bar_type, bar.ts_event
    return Bar(kind, bar.open, bar.high, bar.low, bar.close, none, ts_event, ts_event)


def test_a_signal_on_a_bar_without_volume_waits_for_one_that_traded() -> None:
    kind = bar_type()
    bars = [make_bar(kind, n, (1000.0, 1000.0, 1000.0, 1000.0)) for n in range(6)]
    told = [bars[0], *(silent(bar) for bar in bars[1:4]), *bars[4:]]

    rig = Rig(
        instruments=[perpetual()],
        bars=[told],
        foresee=lambda bar: prediction(
            str(bar.bar_type.instrument_id),
            bar.ts_event,
            bar.close.as_double(),
            long=0.9 if bar.ts_event > bars[0].ts_event else 0.0,
            short=0.0,
        ),
    )
    (entry,) = of_kind(rig.run(), Kind.FILL)
    assert entry.ts_event == bars[4].ts_event
