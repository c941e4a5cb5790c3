"""NautilusTrader's own clients for the venues it has: an adapter of ours would be a worse one."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from nautilus_trader.live import LiveExecutionEngineConfig, LiveNodeBuilder
from nautilus_trader.model import AccountId

from ccxt_nt.values import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """A venue's two clients, ready for a node's builder; `name` is the engine's client name.

    `execution_engine` is how the node's execution engine must be set for them, where its defaults
    would make up what an unanswered order did.
    """

    name: str
    data_factory: object
    data_config: object
    execution_factory: object
    execution_config: object
    execution_engine: LiveExecutionEngineConfig | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """Tell why clients of ccxt did not connect: `run()` of a node raises without a reason."""
        configs = (self.data_config, self.execution_config)
        return tuple(each for config in configs for each in getattr(config, "failures", ()))

    @property
    def errors(self) -> Counter[str]:
        """Tell how many calls of clients of ccxt failed, by the kind of error."""
        found: Counter[str] = Counter()
        for config in (self.data_config, self.execution_config):
            found.update(getattr(config, "errors", {}))
        return found

    def add_to(self, builder: LiveNodeBuilder) -> LiveNodeBuilder:
        """Add both to a node."""
        return self.add_execution_to(self.add_data_to(builder))

    def add_data_to(self, builder: LiveNodeBuilder) -> LiveNodeBuilder:
        """Add market data alone, as paper trading needs it."""
        return builder.add_data_client(self.name, self.data_factory, self.data_config)

    def add_execution_to(self, builder: LiveNodeBuilder) -> LiveNodeBuilder:
        """Add execution alone, and set the execution engine where the client needs it."""
        if self.execution_engine is not None:
            builder = builder.with_exec_engine_config(self.execution_engine)
        return builder.add_exec_client(self.name, self.execution_factory, self.execution_config)


type Build = Callable[[Product, bool, AccountId], Clients]


def _binance(product: Product, demo: bool, account_id: AccountId) -> Clients:
    from nautilus_trader.adapters import binance  # heavy, and one venue of five

    kind = binance.BinanceProductType
    products = {Product.SPOT: kind.SPOT, Product.LINEAR: kind.USD_M}
    environment = binance.BinanceEnvironment.TESTNET if demo else binance.BinanceEnvironment.LIVE
    return Clients(
        name="BINANCE",
        data_factory=binance.BinanceDataClientFactory(),
        data_config=binance.BinanceDataClientConfig(
            product_type=products[product], environment=environment
        ),
        execution_factory=binance.BinanceExecutionClientFactory(),
        execution_config=binance.BinanceExecutionClientConfig(
            account_id=account_id, product_type=products[product], environment=environment
        ),
    )


def _okx(product: Product, demo: bool, account_id: AccountId) -> Clients:
    from nautilus_trader.adapters import okx

    kind = okx.OKXInstrumentType
    types = [{Product.SPOT: kind.SPOT, Product.LINEAR: kind.SWAP}[product]]
    environment = okx.OKXEnvironment.DEMO if demo else okx.OKXEnvironment.LIVE
    return Clients(
        name="OKX",
        data_factory=okx.OKXDataClientFactory(),
        data_config=okx.OKXDataClientConfig(instrument_types=types, environment=environment),
        execution_factory=okx.OKXExecutionClientFactory(),
        execution_config=okx.OKXExecutionClientConfig(
            account_id=account_id, instrument_types=types, environment=environment
        ),
    )


def _bybit(product: Product, demo: bool, account_id: AccountId) -> Clients:
    from nautilus_trader.adapters import bybit

    kind = bybit.BybitProductType
    types = [{Product.SPOT: kind.SPOT, Product.LINEAR: kind.LINEAR}[product]]
    environment = bybit.BybitEnvironment.DEMO if demo else bybit.BybitEnvironment.MAINNET
    return Clients(
        name="BYBIT",
        data_factory=bybit.BybitDataClientFactory(),
        data_config=bybit.BybitDataClientConfig(product_types=types, environment=environment),
        execution_factory=bybit.BybitExecutionClientFactory(),
        execution_config=bybit.BybitExecutionClientConfig(
            account_id=account_id, product_types=types, environment=environment
        ),
    )


def _dydx(product: Product, demo: bool, account_id: AccountId) -> Clients:
    from nautilus_trader.adapters import dydx

    if product is not Product.LINEAR:
        raise ValueError(f"product {product.value!r} is not traded on dydx, which has perpetuals")
    network = dydx.DydxNetwork.TESTNET if demo else dydx.DydxNetwork.MAINNET
    return Clients(
        name="DYDX",
        data_factory=dydx.DydxDataClientFactory(),
        data_config=dydx.DydxDataClientConfig(network=network),
        execution_factory=dydx.DydxExecutionClientFactory(),
        execution_config=dydx.DydxExecutionClientConfig(account_id=account_id, network=network),
    )


def _hyperliquid(product: Product, demo: bool, account_id: AccountId) -> Clients:
    from nautilus_trader.adapters import hyperliquid

    if product is not Product.LINEAR:
        raise ValueError(f"product {product.value!r} is not offered here for hyperliquid: linear")
    kind = hyperliquid.HyperliquidEnvironment
    environment = kind.TESTNET if demo else kind.MAINNET
    return Clients(
        name="HYPERLIQUID",
        data_factory=hyperliquid.HyperliquidDataClientFactory(),
        data_config=hyperliquid.HyperliquidDataClientConfig(environment=environment),
        execution_factory=hyperliquid.HyperliquidExecutionClientFactory(),
        execution_config=hyperliquid.HyperliquidExecutionClientConfig(
            account_id=account_id, environment=environment
        ),
    )


NATIVES: Final[Mapping[str, Build]] = MappingProxyType(
    {
        "binance": _binance,
        "okx": _okx,
        "bybit": _bybit,
        "dydx": _dydx,
        "hyperliquid": _hyperliquid,
    }
)


def native_clients(venue: str, product: Product, *, demo: bool, account_id: AccountId) -> Clients:
    """Configure the engine's own clients; keys come from the environment by the engine's names.

    Raises ValueError where the venue does not trade the product.
    """
    return NATIVES[venue](product, demo, account_id)


def native_keys(venue: str, product: Product, *, demo: bool) -> tuple[str, ...]:
    """Name the variables in which the engine's own client looks for keys."""
    if venue == "binance" and demo and product is Product.LINEAR:
        return _pair("BINANCE_FUTURES_TESTNET")
    return _KEYS[venue, demo]


def _pair(prefix: str) -> tuple[str, ...]:
    return (f"{prefix}_API_KEY", f"{prefix}_API_SECRET")


_KEYS: Final[Mapping[tuple[str, bool], tuple[str, ...]]] = MappingProxyType(
    {
        ("binance", False): _pair("BINANCE"),
        ("binance", True): _pair("BINANCE_TESTNET"),
        ("okx", False): (*_pair("OKX"), "OKX_API_PASSPHRASE"),
        ("okx", True): (*_pair("OKX"), "OKX_API_PASSPHRASE"),
        ("bybit", False): _pair("BYBIT"),
        ("bybit", True): _pair("BYBIT_DEMO"),
        ("dydx", False): ("DYDX_PRIVATE_KEY",),
        ("dydx", True): ("DYDX_TESTNET_PRIVATE_KEY",),
        ("hyperliquid", False): ("HYPERLIQUID_PK",),
        ("hyperliquid", True): ("HYPERLIQUID_TESTNET_PK",),
    }
)
