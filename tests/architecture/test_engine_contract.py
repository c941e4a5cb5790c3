"""Every name of the engine that we use, so that a new release shows at once what it moved."""

import ast
import importlib
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PINNED: Final = "2.0.0rc6"

ENGINE_NAMES: Final[dict[str, frozenset[str]]] = {
    "nautilus_trader": frozenset(("analysis",)),
    "nautilus_trader.adapters": frozenset(
        (
            "binance",
            "bybit",
            "dydx",
            "hyperliquid",
            "okx",
        )
    ),
    "nautilus_trader.adapters.sandbox": frozenset(
        (
            "SandboxExecutionClientConfig",
            "SandboxExecutionClientFactory",
        )
    ),
    "nautilus_trader.backtest": frozenset(
        (
            "BacktestEngine",
            "BacktestEngineConfig",
        )
    ),
    "nautilus_trader.common": frozenset(
        (
            "Cache",
            "Clock",
            "DataActor",
            "DataActorConfig",
            "Environment",
            "FileWriterConfig",
            "LogLevel",
            "Logger",
            "LoggerConfig",
            "OrderFactory",
        )
    ),
    "nautilus_trader.config": frozenset(
        (
            "DataClientConfig",
            "ExecutionClientConfig",
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
    "nautilus_trader.live": frozenset(
        (
            "BarsResponse",
            "BatchCancelOrders",
            "BookResponse",
            "CancelAllOrders",
            "CancelOrder",
            "ClientCache",
            "FundingRatesResponse",
            "GenerateFillReports",
            "GenerateOrderStatusReport",
            "GenerateOrderStatusReports",
            "GeneratePositionStatusReports",
            "InstrumentProviderConfig",
            "InstrumentResponse",
            "InstrumentsResponse",
            "LiveDataEngineConfig",
            "LiveExecutionEngineConfig",
            "LiveNode",
            "LiveNodeBuilder",
            "LiveNodeConfig",
            "LiveRiskEngineConfig",
            "ModifyOrder",
            "QueryAccount",
            "QueryOrder",
            "RequestBars",
            "RequestBookSnapshot",
            "RequestFundingRates",
            "RequestInstrument",
            "RequestInstruments",
            "RequestQuotes",
            "RequestTrades",
            "RoutingConfig",
            "SubmitOrder",
            "SubmitOrderList",
            "SubscribeBars",
            "SubscribeBookDeltas",
            "SubscribeBookDepth",
            "SubscribeCustomData",
            "SubscribeFundingRates",
            "SubscribeIndexPrices",
            "SubscribeInstrument",
            "SubscribeInstrumentStatus",
            "SubscribeInstruments",
            "SubscribeMarkPrices",
            "SubscribeQuotes",
            "SubscribeTrades",
            "TradesResponse",
            "UnsubscribeBars",
            "UnsubscribeBookDeltas",
            "UnsubscribeBookDepth",
            "UnsubscribeCustomData",
            "UnsubscribeFundingRates",
            "UnsubscribeIndexPrices",
            "UnsubscribeInstrument",
            "UnsubscribeInstruments",
            "UnsubscribeMarkPrices",
            "UnsubscribeQuotes",
            "UnsubscribeTrades",
        )
    ),
    "nautilus_trader.live.clients": frozenset(
        (
            "DataClientFactory",
            "ExecutionClient",
            "ExecutionClientFactory",
            "MarketDataClient",
        )
    ),
    "nautilus_trader.live.providers": frozenset(("InstrumentProvider",)),
    "nautilus_trader.model": frozenset(
        (
            "AccountBalance",
            "AccountId",
            "AccountType",
            "ActorId",
            "AggressorSide",
            "Bar",
            "BarAggregation",
            "BarType",
            "BookAction",
            "BookOrder",
            "BookType",
            "ClientId",
            "ClientOrderId",
            "ContingencyType",
            "CryptoPerpetual",
            "Currency",
            "CurrencyPair",
            "CustomData",
            "DataType",
            "ExecutionMassStatus",
            "FillReport",
            "FundingRateUpdate",
            "IndexPriceUpdate",
            "InstrumentId",
            "LimitOrder",
            "LiquiditySide",
            "MarkPriceUpdate",
            "MarketOrder",
            "Money",
            "NautilusDataType",
            "OmsType",
            "OrderAccepted",
            "OrderBook",
            "OrderBookDelta",
            "OrderBookDeltas",
            "OrderBookDepth",
            "OrderCancelRejected",
            "OrderCanceled",
            "OrderDenied",
            "OrderExpired",
            "OrderFilled",
            "OrderListId",
            "OrderModifyRejected",
            "OrderRejected",
            "OrderSide",
            "OrderStatus",
            "OrderStatusReport",
            "OrderSubmitted",
            "OrderType",
            "OrderUpdated",
            "Position",
            "PositionSide",
            "PositionStatusReport",
            "Price",
            "PriceType",
            "Quantity",
            "QuoteTick",
            "RecordFlag",
            "StopMarketOrder",
            "StrategyId",
            "Symbol",
            "TimeInForce",
            "TradeId",
            "TradeTick",
            "TraderId",
            "TriggerType",
            "Venue",
            "VenueOrderId",
        )
    ),
    "nautilus_trader.persistence": frozenset(
        (
            "BarDataWrangler",
            "DataCatalogConfig",
            "ParquetDataCatalog",
            "QuoteTickDataWrangler",
            "StreamingConfig",
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
    for package in ("morningstar_strategy", "adapters", "catalog", "reports", "backtests", "live"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
                if isinstance(node, ast.ImportFrom) and module.startswith("nautilus_trader"):
                    found.setdefault(module, set()).update(alias.name for alias in node.names)
    return found


def test_the_list_names_exactly_what_is_used() -> None:
    assert {module: frozenset(names) for module, names in _used().items()} == ENGINE_NAMES


def _has(module: str, name: str) -> bool:
    found = hasattr(importlib.import_module(module), name)
    return found or importlib.util.find_spec(f"{module}.{name}") is not None


def test_the_engine_has_every_name() -> None:
    missing = [
        f"{module}.{name}"
        for module, names in ENGINE_NAMES.items()
        for name in names
        if not _has(module, name)
    ]
    assert missing == []


def test_the_engine_is_the_pinned_release() -> None:
    assert importlib.metadata.version("nautilus_trader") == PINNED
