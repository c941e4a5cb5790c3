"""Generate a small synthetic catalog of five perpetuals for the first run without a network."""

import argparse
import math
import shutil
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from catalog.decimals import FloatArray, from_floats
from catalog.errors import CatalogError
from catalog.instruments import Definition, decimals, standard_fees
from catalog.store import (
    bar_type,
    is_synthetic,
    mark_synthetic,
    write_bars,
    write_funding,
    write_instruments,
)

START_NS: Final = 1_704_067_200_000_000_000  # 2024-01-01 00:00 UTC
INTERVAL: Final = "5m"
BAR_NS: Final = 300_000_000_000
BARS_A_DAY: Final = 288
BARS_A_FUNDING: Final = 96  # eight hours
DAILY_VOLATILITY: Final = 0.022  # of the factor that all share
GENERATOR: Final = 1  # raise when the same seed yields other numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One simulated perpetual: price in USDT, volatility beside the common factor, turnover."""

    name: str
    price: float
    tick: str
    lot: str
    beta: float
    own_daily_volatility: float
    daily_turnover: float  # USDT

    @property
    def definition(self) -> Definition:
        """Define the instrument as the venue lists the real one."""
        return Definition(
            instrument_id=f"{self.name}USDT-PERP.BINANCE",
            base=self.name,
            quote="USDT",
            tick=Decimal(self.tick),
            lot=Decimal(self.lot),
            fees=standard_fees("BINANCE", perpetual=True),
        )


COINS: Final = (
    Coin(
        name="BTC",
        price=42_283.6,
        tick="0.1",
        lot="0.001",
        beta=1.0,
        own_daily_volatility=0.006,
        daily_turnover=1.4e10,
    ),
    Coin(
        name="ETH",
        price=2_281.87,
        tick="0.01",
        lot="0.001",
        beta=1.1,
        own_daily_volatility=0.013,
        daily_turnover=7e9,
    ),
    Coin(
        name="SOL",
        price=101.51,
        tick="0.01",
        lot="1",
        beta=1.4,
        own_daily_volatility=0.028,
        daily_turnover=2e9,
    ),
    Coin(
        name="BNB",
        price=312.25,
        tick="0.01",
        lot="0.01",
        beta=0.8,
        own_daily_volatility=0.015,
        daily_turnover=6e8,
    ),
    Coin(
        name="XRP",
        price=0.6153,
        tick="0.0001",
        lot="0.1",
        beta=0.9,
        own_daily_volatility=0.018,
        daily_turnover=8e8,
    ),
)


def volatility_path(count: int, daily: float, rng: np.random.Generator) -> FloatArray:
    """Draw the volatility of each bar: clustered (log-AR(1), half-life one day), mean `daily`.

    Shape (count,), fraction of price per bar; busier when Europe and America trade.
    """
    decay, spread = 0.5 ** (1 / BARS_A_DAY), 0.6
    shocks = rng.normal(0.0, spread * math.sqrt(1 - decay**2), count)
    level, levels = rng.normal(0.0, spread), np.empty(count)
    for i, shock in enumerate(shocks):
        level = decay * level + shock
        levels[i] = level
    hours = np.arange(count) % BARS_A_DAY * 24 / BARS_A_DAY
    shape = 1 + 0.35 * np.cos((hours - 15) * math.tau / 24)
    return np.asarray(daily / math.sqrt(BARS_A_DAY) * shape * np.exp(levels - spread**2))


def jumps(count: int, a_day: float, size: float, rng: np.random.Generator) -> FloatArray:
    """Draw rare jumps of the log price, shape (count,)."""
    hits = rng.random(count) < a_day / BARS_A_DAY
    return np.where(hits, rng.normal(0.0, size, count), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What all coins share: its log return and volatility in each bar."""

    returns: FloatArray
    volatility: FloatArray


def common_factor(count: int, rng: np.random.Generator) -> Factor:
    """Draw the common factor."""
    volatility = volatility_path(count, DAILY_VOLATILITY, rng)
    returns = rng.normal(0.0, volatility) + jumps(count, 0.3, 0.012, rng)
    return Factor(returns=returns, volatility=volatility)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Simulated bars, each array of shape (bars,)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


def simulate(coin: Coin, factor: Factor, rng: np.random.Generator) -> Bars:
    """Simulate one coin; the extremes are those of a Brownian bridge between open and close."""
    count = len(factor.returns)
    own = volatility_path(count, coin.own_daily_volatility, rng)
    moves = coin.beta * factor.returns + rng.normal(0.0, own) + jumps(count, 0.1, 0.015, rng)
    moves -= 0.75 * moves.mean()  # three months should not end too far from where they began
    path = math.log(coin.price) + np.concatenate([[0.0], np.cumsum(moves)])
    start, end = path[:-1], path[1:]
    volatility = np.hypot(coin.beta * factor.volatility, own)
    spread = [
        np.sqrt(moves**2 - 2 * volatility**2 * np.log(1 - rng.random(count))) for _ in range(2)
    ]
    activity = (volatility / volatility.mean()) ** 1.2 * np.exp(rng.normal(-0.08, 0.4, count))
    volume = coin.daily_turnover / BARS_A_DAY * activity / np.exp(end)
    return Bars(
        open=np.exp(start),
        high=np.exp((start + end + spread[0]) / 2),
        low=np.exp((start + end - spread[1]) / 2),
        close=np.exp(end),
        volume=np.maximum(volume, float(coin.lot)),
    )


def funding_rates(bars: Bars, rng: np.random.Generator) -> list[Decimal]:
    """Draw a rate for each eight hours: the usual 0.01 %, higher after a rise, at most 0.75 %."""
    closes = bars.close[BARS_A_FUNDING - 1 :: BARS_A_FUNDING]
    opens = bars.open[::BARS_A_FUNDING][: len(closes)]
    premium = 0.004 * np.log(closes / opens) + rng.normal(0.0, 0.00004, len(closes))
    rates = np.clip(0.0001 + premium, -0.0075, 0.0075)
    return [Decimal(f"{rate:.8f}") for rate in rates]


def generate(root: Path, *, seed: int, days: int) -> None:
    """Write the whole synthetic catalog; the same seed and days give the same bytes."""
    count = days * BARS_A_DAY
    factor = common_factor(count, np.random.default_rng(seed))
    closes = START_NS + BAR_NS * np.arange(1, count + 1, dtype=np.int64)
    write_instruments(root, [coin.definition for coin in COINS])
    for coin in COINS:
        rng = np.random.default_rng([seed, zlib.crc32(coin.name.encode())])
        bars = simulate(coin, factor, rng)
        definition = coin.definition
        name = bar_type(definition.instrument_id, INTERVAL)
        columns = {
            field: from_floats(getattr(bars, field), decimals(definition.tick))
            for field in ("open", "high", "low", "close")
        }
        columns["volume"] = from_floats(bars.volume, decimals(definition.lot))
        write_bars(root, name, closes, columns)
        rates = funding_rates(bars, rng)
        settled = closes[BARS_A_FUNDING - 1 :: BARS_A_FUNDING]
        write_funding(root, definition.instrument_id, settled, rates, interval_minutes=480)
    mark_synthetic(root, {"generator": GENERATOR, "seed": seed, "days": days})


def replace_catalog(root: Path, *, seed: int, days: int) -> None:
    """Make the catalog beside its place and move it there whole.

    Raises CatalogError where something else than a synthetic catalog stands in that place.
    """
    if root.name in ("", ".."):
        raise CatalogError(f"catalog must be a folder with a name of its own, was {root}")
    if root.exists() and not is_synthetic(root) and (not root.is_dir() or any(root.iterdir())):
        raise CatalogError(f"{root} holds something else than a synthetic catalog: left as it is")
    building = root.with_name(root.name + ".building")
    shutil.rmtree(building, ignore_errors=True)
    generate(building, seed=seed, days=days)
    shutil.rmtree(root, ignore_errors=True)
    building.rename(root)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="catalog/sample.py", description=__doc__)
    parser.add_argument("--catalog", type=Path, default=Path("data/catalog"), metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=7, help="of the random numbers (7)")
    parser.add_argument("--days", type=int, default=92, help="from 2024-01-01 (92)")
    parser.add_argument(
        "--if-missing", action="store_true", help="keep a synthetic catalog that is there"
    )
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error(f"--seed must be zero or more, was {args.seed}")
    if not 1 <= args.days <= 3650:
        parser.error(f"--days must be in 1 to 3650, was {args.days}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Make the synthetic catalog and say so."""
    args = parse_args(argv)
    if args.if_missing and is_synthetic(args.catalog):
        return 0
    try:
        replace_catalog(args.catalog, seed=args.seed, days=args.days)
    except (ValueError, OSError) as e:
        print(e, file=sys.stderr)
        return 2
    names = ", ".join(coin.name for coin in COINS)
    print(f"SYNTHETIC catalog {args.catalog}: {names}, {args.days} days of {INTERVAL} bars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
