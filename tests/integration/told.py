"""Hand-made bars told as numbers, signals by bar, and short ways to read a run's records."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import Bar

from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy, EntryStyle
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.sizing import SizingPolicy
from morningstar_strategy.settings.schema import VenueSettings
from tests.harness.market import MINUTE_NS, START_NS, bar_type, make_bar, perpetual, prediction
from tests.harness.runs import Foresee, Rig, of_kind

type Ohlc = tuple[float, float, float, float]

BAR_NS: Final = 5 * MINUTE_NS
FREE: Final = VenueSettings(
    maker_fee_percent=Decimal(0), taker_fee_percent=Decimal(0), slippage_percent=Decimal(0)
)
LOOSE: Final = RiskLimits(
    max_position_percent=Decimal(100),
    max_exposure_percent=Decimal(100),
    max_correlated_percent=Decimal(100),
    max_risk_percent=Decimal(100),
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
    warn_drawdown_percent=Decimal(100),
    max_loss_ratio_percent=Decimal(100),
    max_stop_distance_percent=Decimal(100),
)
# Always 10 % of equity: on 10 000 at a price of 1 000 that is exactly one coin
TENTH: Final = SizingPolicy(target_volatility_percent=Decimal(100), max_size_percent=Decimal(10))


def policy(**changes: Any) -> DecisionPolicy:
    """Enter at market with a stop at 2 % and a target at 4 %; no break-even, no cool-down."""
    told: dict[str, Any] = {
        "stop_percent": Decimal(2),
        "take_profit_percents": (Decimal(4),),
        "break_even_after_percent": Decimal(0),
        "cooldown_secs": 0,
        "sizing": TENTH,
    }
    return DecisionPolicy(**(told | changes))


def limit_policy(**changes: Any) -> DecisionPolicy:
    """Enter at a limit 1 % better than the market."""
    told: dict[str, Any] = {"entry": EntryStyle.LIMIT, "limit_offset_percent": Decimal(1)}
    return policy(**(told | changes))


def flat(price: float) -> Ohlc:
    """Tell a bar in which nothing happens."""
    return (price, price, price, price)


def bars_of(told: Sequence[Ohlc], *, base: str = "BTC") -> list[Bar]:
    """Make five-minute bars."""
    kind = bar_type(base)
    return [make_bar(kind, index, ohlc) for index, ohlc in enumerate(told)]


def index_of(ts_event: int) -> int:
    """Give the index of the bar that closes at this time."""
    return (ts_event - START_NS) // BAR_NS - 1


def closes_at(index: int) -> int:
    """Give the time at which a bar closes."""
    return START_NS + (index + 1) * BAR_NS


def signals(told: Mapping[int, int]) -> Foresee:
    """Signal +1 or -1 at the bars told, nothing at the others."""

    def foresee(bar: Bar) -> Prediction:
        side = told.get(index_of(bar.ts_event), 0)
        long, short = (0.9 if side > 0 else 0.0), (0.9 if side < 0 else 0.0)
        name = str(bar.bar_type.instrument_id)
        return prediction(name, bar.ts_event, bar.close.as_double(), long=long, short=short)

    return foresee


def rig(told: Sequence[Ohlc], at: Mapping[int, int], **changes: Any) -> Rig:
    """Put one instrument, free of costs and hardly limited, on the engine."""
    given: dict[str, Any] = {
        "decision": policy(),
        "risk": LOOSE,
        "venue": FREE,
        "foresee": signals(at),
        "instruments": [perpetual()],
        **changes,
    }
    # As backtests/engine.py has it: a bar is walked to its nearer extreme first
    given["options"] = {"bar_adaptive_high_low_ordering": True, **given.get("options", {})}
    return Rig(bars=[bars_of(told)], **given)


type Told = tuple[int, str, str, str, str]


def fills(records: Sequence[Record]) -> list[Told]:
    """Tell every fill as (bar, role, side, quantity, price)."""
    return [_told(record) for record in of_kind(records, Kind.FILL)]


def _told(record: Record) -> Told:
    role, side, quantity, price = (
        str(record.fields[name]) for name in ("role", "side", "quantity", "price")
    )
    return index_of(record.ts_event), role, side, quantity, price


def mirrored(told: Sequence[Ohlc]) -> list[Ohlc]:
    """Turn bars upside down around 1 000."""
    return [(2_000 - o, 2_000 - low, 2_000 - high, 2_000 - c) for o, high, low, c in told]


def as_long(told: Sequence[Told]) -> list[Told]:
    """Tell the fills of a short on mirrored bars as those of the long they mirror."""
    sides = {"BUY": "SELL", "SELL": "BUY"}
    return [
        (bar, role, sides[side], quantity, f"{2_000 - Decimal(price):.1f}")
        for bar, role, side, quantity, price in told
    ]


def plans(records: Sequence[Record]) -> list[tuple[int, str]]:
    """Tell every state a plan came into as (bar, state)."""
    return [(index_of(r.ts_event), str(r.fields["state"])) for r in of_kind(records, Kind.PLAN)]


def last_end(records: Sequence[Record]) -> Mapping[str, Any]:
    """Give what the last plan record says."""
    return of_kind(records, Kind.PLAN)[-1].fields


def rulings(records: Sequence[Record]) -> list[tuple[int, str, str]]:
    """Tell every ruling as (bar, action, approved or the rule that denied)."""
    return [
        (
            index_of(record.ts_event),
            str(record.fields["action"]),
            str(record.fields.get("rule", record.fields["ruling"])),
        )
        for record in of_kind(records, Kind.RULING)
    ]


def left_over(used: Rig) -> list[Any]:
    """Give the orders that are not closed and the positions that are open."""
    cache = used.engine.cache
    return [o for o in cache.orders() if not o.is_closed] + list(cache.positions_open())


def equity_marks(records: Sequence[Record]) -> list[Decimal]:
    """Give the equity at every mark."""
    return [Decimal(str(record.fields["equity"])) for record in of_kind(records, Kind.EQUITY)]
