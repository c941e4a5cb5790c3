"""What a node needs to trade: two factories, and how its engine must be set."""

from nautilus_trader.common import Clock
from nautilus_trader.config import DataClientConfig, ExecutionClientConfig
from nautilus_trader.live import ClientCache, LiveExecutionEngineConfig
from nautilus_trader.live.clients import DataClientFactory, ExecutionClientFactory
from nautilus_trader.model import TraderId

from ccxt_nt.config import CcxtDataClientConfig, CcxtExecutionClientConfig
from ccxt_nt.execution.client import CcxtExecutionClient
from ccxt_nt.market.client import CcxtDataClient

_FOREVER = 2**32 - 1  # the largest number of retries the engine takes


class CcxtDataClientFactory(DataClientFactory):
    """Makes data clients."""

    @staticmethod
    def create(
        *, name: str, config: DataClientConfig, cache: ClientCache, clock: Clock
    ) -> CcxtDataClient:
        """Make one; nothing is sent before it connects."""
        if not isinstance(config, CcxtDataClientConfig):
            raise TypeError(f"config must be a CcxtDataClientConfig, was {type(config).__name__}")
        return CcxtDataClient(name=name, config=config, cache=cache, clock=clock)


class CcxtExecutionClientFactory(ExecutionClientFactory):
    """Makes execution clients."""

    @staticmethod
    def create(
        *,
        name: str,
        config: ExecutionClientConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> CcxtExecutionClient:
        """Make one; keys are read from the environment, nothing is sent before it connects."""
        if not isinstance(config, CcxtExecutionClientConfig):
            found = type(config).__name__
            raise TypeError(f"config must be a CcxtExecutionClientConfig, was {found}")
        return CcxtExecutionClient(
            name=name, config=config, cache=cache, clock=clock, trader_id=trader_id
        )


def execution_engine_config(*, lookback_mins: int | None = None) -> LiveExecutionEngineConfig:
    """Set the engine so that an outage never makes up a rejection, a cancellation or a fill.

    Measured: with the engine's own settings an order whose outcome is unknown is REJECTED, and
    one being cancelled or changed CANCELED, after five unanswered checks, about half a minute.
    The client here asks the venue itself until the answer is definite. `lookback_mins` also
    reports closed orders and their fills of so many minutes before the start.
    """
    return LiveExecutionEngineConfig(
        reconciliation=True,
        reconciliation_lookback_mins=lookback_mins,
        inflight_check_interval_ms=0,  # off
        inflight_check_retries=_FOREVER,  # should somebody turn it on
        open_check_interval_secs=None,
        position_check_interval_secs=None,
    )
