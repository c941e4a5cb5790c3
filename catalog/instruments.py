"""Instruments of the catalog: their definitions, fees and precision."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from nautilus_trader.model import (
    CryptoPerpetual,
    Currency,
    CurrencyPair,
    InstrumentId,
    Money,
    Price,
    Quantity,
    Symbol,
)
from nautilus_trader.persistence import ParquetDataCatalog

from catalog.errors import CatalogError, nearest

type Instrument = CurrencyPair | CryptoPerpetual

_FOLDERS: Final = ("crypto_perpetual", "currency_pair")
_QUOTES: Final = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a venue takes of the notional of a fill, as fractions."""

    maker: Decimal
    taker: Decimal

    def __post_init__(self) -> None:
        for name, rate in (("maker", self.maker), ("taker", self.taker)):
            if not (rate.is_finite() and abs(rate) < Decimal("0.1")):
                raise ValueError(f"{name} must be a fraction between -0.1 and 0.1, was {rate}")


STANDARD_FEES: Final[Mapping[tuple[str, str], Fees]] = {
    ("BINANCE", "spot"): Fees(maker=Decimal("0.001"), taker=Decimal("0.001")),
    ("BINANCE", "perp"): Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
    ("BITGET", "spot"): Fees(maker=Decimal("0.001"), taker=Decimal("0.001")),
    ("BITGET", "perp"): Fees(maker=Decimal("0.0002"), taker=Decimal("0.0006")),
}
OTHER_FEES: Final = Fees(maker=Decimal("0.001"), taker=Decimal("0.002"))  # a careful guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What the catalog must know of an instrument before it can hold a price of it."""

    instrument_id: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    fees: Fees
    min_notional: Decimal | None = Decimal(5)  # in the quote currency
    min_quantity: Decimal | None = None

    def __post_init__(self) -> None:
        for name, step in (("tick", self.tick), ("lot", self.lot)):
            if not (step.is_finite() and step > 0):
                raise ValueError(f"{name} must be above zero, was {step}")

    @property
    def perpetual(self) -> bool:
        """Say whether it is a linear perpetual, settled in its quote currency."""
        return self.instrument_id.rpartition(".")[0].endswith("-PERP")


def decimals(step: Decimal) -> int:
    """Count the decimals of a tick or lot."""
    exponent = step.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def step(precision: int) -> Decimal:
    """Make the tick or lot of one unit in the last of some decimals."""
    return Decimal(1).scaleb(-precision)


def split_pair(pair: str) -> tuple[str, str]:
    """Split a pair such as BTCUSDT into base and quote."""
    for quote in _QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair.removesuffix(quote), quote
    raise CatalogError(f"symbol {pair!r} does not end in a known quote ({', '.join(_QUOTES)})")


def standard_fees(venue: str, *, perpetual: bool) -> Fees:
    """Look up the published base-tier fees of a venue."""
    return STANDARD_FEES.get((venue, "perp" if perpetual else "spot"), OTHER_FEES)


def build(definition: Definition) -> Instrument:
    """Build the engine's instrument; margin 1 so that leverage alone sets the margin."""
    symbol, _, _ = definition.instrument_id.rpartition(".")
    quote = Currency.from_str(definition.quote)
    tick, lot = _text(definition.tick), _text(definition.lot)
    shared: dict[str, Any] = {  # the two constructors share these and check each
        "instrument_id": InstrumentId.from_str(definition.instrument_id),
        "raw_symbol": Symbol(symbol.removesuffix("-PERP")),
        "base_currency": Currency.from_str(definition.base),
        "quote_currency": quote,
        "price_precision": decimals(definition.tick),
        "size_precision": decimals(definition.lot),
        "price_increment": Price.from_str(tick),
        "size_increment": Quantity.from_str(lot),
        "lot_size": Quantity.from_str(lot),  # the engine's own default would be 1
        "min_quantity": Quantity.from_str(_text(definition.min_quantity or definition.lot)),
        "min_notional": _money(definition.min_notional, quote),
        "margin_init": Decimal(1),
        "margin_maint": Decimal("0.5"),
        "info": {
            "maker_fee": format(definition.fees.maker.normalize(), "f"),
            "taker_fee": format(definition.fees.taker.normalize(), "f"),
        },
        "ts_event": 0,
        "ts_init": 0,
    }
    if definition.perpetual:
        return CryptoPerpetual(settlement_currency=quote, is_inverse=False, **shared)
    return CurrencyPair(**shared)


def _money(amount: Decimal | None, currency: Currency) -> Money | None:
    return None if amount is None else Money.from_str(f"{_text(amount)} {currency.code}")


def _text(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def fees(instrument: Instrument) -> Fees:
    """Read an instrument's fees, which the engine's own definition has no place for."""
    info = instrument.info or {}
    try:
        return Fees(maker=Decimal(info["maker_fee"]), taker=Decimal(info["taker_fee"]))
    except KeyError as e:
        raise CatalogError(f"instrument {instrument.id} says nothing of {e}") from e


def definition_of(instrument: Instrument) -> Definition:
    """Read an instrument of this catalog back into its definition."""
    least, notional = instrument.min_quantity, instrument.min_notional
    return Definition(
        instrument_id=str(instrument.id),
        base=instrument.base_currency.code,
        quote=instrument.quote_currency.code,
        tick=Decimal(str(instrument.price_increment)),
        lot=Decimal(str(instrument.size_increment)),
        fees=fees(instrument),
        min_notional=None if notional is None else notional.as_decimal(),
        min_quantity=None if least is None else least.as_decimal(),
    )


def known_ids(root: Path) -> tuple[str, ...]:
    """List the instruments that a catalog defines."""
    return tuple(
        sorted(path.name for kind in _FOLDERS for path in (root / "data" / kind).glob("*"))
    )


def read(root: Path, instrument_ids: Sequence[str]) -> list[Instrument]:
    """Read instruments in the order asked.

    Raises CatalogError naming the first unknown id and those nearest to it.
    """
    known = known_ids(root)
    for wanted in instrument_ids:
        if wanted not in known:
            raise CatalogError(
                f"instrument {wanted!r} is not in catalog {root}: {nearest(wanted, known)}"
            )
    if not instrument_ids:
        return []
    found = ParquetDataCatalog(str(root)).instruments(instrument_ids=list(instrument_ids))
    by_id: dict[str, Instrument] = {str(instrument.id): instrument for instrument in found}
    return [by_id[wanted] for wanted in instrument_ids]


def file_of(root: Path, instrument_id: str) -> Path | None:
    """Locate the file that defines an instrument."""
    found = [
        path
        for kind in _FOLDERS
        for path in sorted((root / "data" / kind / instrument_id).glob("*.parquet"))
    ]
    return found[0] if found else None


def write(root: Path, instruments: Iterable[Instrument]) -> None:
    """Write definitions over those of the same id, each atomically."""
    staging = root / ".staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    ParquetDataCatalog(str(staging)).write_instruments(list(instruments))
    for path in sorted(staging.rglob("*.parquet")):
        target = root / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    shutil.rmtree(staging)
