"""A plain node on the local exchange, driven by a coroutine: the adapter's users, as a script."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode, LiveNodeBuilder, LiveRiskEngineConfig
from nautilus_trader.model import ClientOrderId, InstrumentId, StrategyId, TraderId
from nautilus_trader.trading import Strategy, StrategyConfig

from ccxt_nt.factories import execution_engine_config
from ccxt_nt.names import clients_for

PATIENCE_SECS = 60.0  # for progress, on a machine that others use as well


class Reachable(Protocol):
    """What is needed of a venue: where it is, and its keys."""

    @property
    def url(self) -> str:
        """Tell the address."""

    @property
    def environment(self) -> dict[str, str]:
        """Tell the variables that hold the account's keys."""


type Script = Callable[["Desk"], Awaitable[None]]


class ScriptedStrategy(Strategy):
    """Remembers every event and every piece of data, and runs a script when it starts."""

    def __new__(cls, script: Script, *, claims: Sequence[str] = ()) -> "ScriptedStrategy":
        """Keep our own arguments away from the engine's constructor."""
        config = StrategyConfig(
            strategy_id=StrategyId("SCRIPT-001"),
            external_order_instrument_ids=[InstrumentId.from_str(name) for name in claims] or None,
        )
        return super().__new__(cls, config)  # type: ignore[call-arg]  # hidden by the stub

    def __init__(self, script: Script, *, claims: Sequence[str] = ()) -> None:
        del claims  # the engine has them from __new__
        self._script = script
        self.seen: list[Any] = []  # events and data of many engine types, in order
        self.listen: Callable[[Any], None] = lambda item: None  # hears each of them at once
        self.changed = asyncio.Event()
        self.outcome: BaseException | None = None
        self.done = False
        self.finish: Callable[[], None] = lambda: None

    def on_start(self) -> None:
        """Run the script beside the engine."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._script(Desk(self))
            self.done = True
        except BaseException as e:  # told to whoever started the node
            self.outcome = e
        finally:
            self.finish()

    def _note(self, item: Any) -> None:
        self.seen.append(item)
        self.changed.set()
        self.listen(item)

    def on_order_event(self, event: Any) -> None:
        """Remember it; fills and cancellations come here too."""
        self._note(event)

    def on_position_event(self, event: Any) -> None:
        """Remember it."""
        self._note(event)

    _keep: Any = _note  # one handler for data of many types
    on_quote = on_trade = on_bar = on_book_deltas = on_book_depth = on_instrument = _keep
    on_mark_price = on_index_price = on_funding_rate = on_instrument_status = on_data = _keep
    on_historical_bars = on_historical_trades = on_historical_data = on_book = _keep
    on_historical_quotes = on_historical_funding_rates = on_historical_mark_prices = _keep
    on_instruments = on_instrument_close = _keep


class Desk:
    """What a script can do."""

    def __init__(self, strategy: ScriptedStrategy) -> None:
        self.strategy = strategy

    @property
    def seen(self) -> list[Any]:
        """Show all that came in, oldest first."""
        return self.strategy.seen

    @property
    def orders(self) -> Any:
        """Make orders."""
        return self.strategy.order_factory

    def instrument(self, name: str) -> Any:
        """Find an instrument by its id's text."""
        return self.strategy.cache.instrument(InstrumentId.from_str(name))

    def order(self, order: Any) -> Any:
        """Look an order up as the engine knows it now."""
        return self.strategy.cache.order(_id(order))

    def events(self, order: Any) -> list[str]:
        """Name the events of an order, oldest first."""
        wanted = _id(order)
        return [
            type(item).__name__
            for item in self.seen
            if getattr(item, "client_order_id", None) == wanted
        ]

    def submit(self, order: Any) -> Any:
        """Send an order."""
        self.strategy.submit_order(order)
        return order

    async def until(self, test: Callable[[], Any], what: str, secs: float = PATIENCE_SECS) -> Any:
        """Wait until something is so; raise TimeoutError saying what was waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + secs
        while not (value := test()):
            left = deadline - loop.time()
            if left <= 0:
                raise TimeoutError(f"{what}: not within {secs} s")
            self.strategy.changed.clear()
            with contextlib.suppress(TimeoutError):
                # The exchange's own state makes no event here, so look again now and then
                await asyncio.wait_for(self.strategy.changed.wait(), min(left, 0.05))
        return value

    async def status(self, order: Any, *names: str, secs: float = PATIENCE_SECS) -> Any:
        """Wait until an order has one of these statuses."""
        return await self.until(
            lambda: (found := self.order(order)) and found.status.name in names and found,
            f"{_id(order)} {' or '.join(names)}",
            secs,
        )


def _id(order: Any) -> ClientOrderId:
    return order if isinstance(order, ClientOrderId) else order.client_order_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a node is put up."""

    product: str = "linear"
    options: Mapping[str, Any] = field(default_factory=dict)  # of the client's config
    beside: Sequence[Mapping[str, Any]] = ()  # products and options of further clients
    data_only: bool = False
    bypass_risk: bool = True
    lookback_mins: int | None = None  # how far back the start asks for what is over
    connect_secs: int = 60  # a loaded machine is slow, and a slow start is no fault
    post_stop_secs: int = 1  # the engine waits so long for answers after the strategies stopped
    claims: Sequence[str] = ()  # instruments whose orders of before the start are the script's
    prepare: Callable[[LiveNode], None] = lambda node: None  # adds what else shall run
    run: Callable[[LiveNode], None] = LiveNode.run  # on a loop of one's own, if need be
    log_level: str | None = os.environ.get("NODE_LOG")


def run_script(venue: Reachable, dialect: str, script: Script, setup: Setup | None = None) -> None:
    """Run a script on a node of its own in this process, and raise what it raised.

    One node per process: the engine cannot be built a second time once it ran.
    """
    setup = setup or Setup()
    strategy = ScriptedStrategy(script, claims=setup.claims)
    with keys_in_environment(venue):
        node = _builder(venue, dialect, setup).build()
        node.add_strategy(strategy)
        setup.prepare(node)
        strategy.finish = node.handle().stop
        setup.run(node)
    if strategy.outcome is not None:
        raise strategy.outcome
    if not strategy.done:
        raise RuntimeError("the node ended before its script")


def _builder(venue: Reachable, dialect: str, setup: Setup) -> LiveNodeBuilder:
    builder = (
        LiveNode.builder("SCRIPT", TraderId("SCRIPT-001"), Environment.LIVE)
        .with_logging(_logging(setup.log_level))
        .with_reconciliation(True)
        .with_timeout_connection(setup.connect_secs)
        .with_delay_post_stop_secs(setup.post_stop_secs)
        .with_risk_engine_config(LiveRiskEngineConfig(bypass=setup.bypass_risk))
    )
    for options in ({"product": setup.product, **setup.options}, *setup.beside):
        clients = clients_for(dialect, endpoint=venue.url, **options)
        builder = clients.add_data_to(builder) if setup.data_only else clients.add_to(builder)
    if setup.lookback_mins is not None:
        past = execution_engine_config(lookback_mins=setup.lookback_mins)
        builder = builder.with_exec_engine_config(past)
    return builder


@contextlib.contextmanager
def keys_in_environment(venue: Reachable) -> Iterator[None]:
    """Offer the local exchange's keys as a user does."""
    ours = venue.environment
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _logging(level: str | None) -> LoggerConfig:
    return LoggerConfig.from_spec(f"stdout={level}") if level else LoggerConfig(bypass_logging=True)
