"""Every name of the engine that we use, so that a new release shows at once what it moved."""

import ast
import importlib
import importlib.metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PINNED: Final = "2.0.0rc6"

ENGINE_NAMES: Final[dict[str, frozenset[str]]] = {
    "nautilus_trader": frozenset(("analysis",)),
    "nautilus_trader.backtest": frozenset(
        (
            "BacktestEngine",
            "BacktestEngineConfig",
        )
    ),
    "nautilus_trader.common": frozenset(
        (
            "Cache",
            "DataActor",
            "DataActorConfig",
            "LogLevel",
            "LoggerConfig",
            "OrderFactory",
        )
    ),
    "nautilus_trader.core": frozenset(("UUID4",)),
    "nautilus_trader.execution": frozenset(
        (
            "FeeModel",
            "FillModel",
            "StaticLatencyModel",
        )
    ),
    "nautilus_trader.model": frozenset(
        (
            "AccountType",
            "Bar",
            "BarType",
            "BookOrder",
            "BookType",
            "ClientOrderId",
            "ContingencyType",
            "CryptoPerpetual",
            "Currency",
            "CurrencyPair",
            "FundingRateUpdate",
            "InstrumentId",
            "LimitOrder",
            "LiquiditySide",
            "MarketOrder",
            "Money",
            "OmsType",
            "OrderBook",
            "OrderFilled",
            "OrderSide",
            "OrderStatus",
            "OrderType",
            "Price",
            "Quantity",
            "QuoteTick",
            "StopMarketOrder",
            "Symbol",
            "TimeInForce",
            "TradeTick",
            "TriggerType",
            "Venue",
        )
    ),
    "nautilus_trader.persistence": frozenset(
        (
            "BarDataWrangler",
            "ParquetDataCatalog",
            "QuoteTickDataWrangler",
            "TradeTickDataWrangler",
        )
    ),
    "nautilus_trader.portfolio": frozenset(("Portfolio",)),
    "nautilus_trader.risk": frozenset(("RiskEngineConfig",)),
    "nautilus_trader.trading": frozenset(
        (
            "Strategy",
            "StrategyConfig",
        )
    ),
}


def _used() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in ("morningstar_strategy", "adapters", "catalog", "backtests"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
                if isinstance(node, ast.ImportFrom) and module.startswith("nautilus_trader"):
                    found.setdefault(module, set()).update(alias.name for alias in node.names)
    return found


def test_the_list_names_exactly_what_is_used() -> None:
    assert {module: frozenset(names) for module, names in _used().items()} == ENGINE_NAMES


def test_the_engine_has_every_name() -> None:
    missing = [
        f"{module}.{name}"
        for module, names in ENGINE_NAMES.items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []


def test_the_engine_is_the_pinned_release() -> None:
    assert importlib.metadata.version("nautilus_trader") == PINNED
