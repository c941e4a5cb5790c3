"""ccxt data and execution clients for NautilusTrader: `clients_for("bitget").add_to(builder)`."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ccxt_nt.names import clients_for
from ccxt_nt.natives import Clients

if TYPE_CHECKING:
    from ccxt_nt.config import CcxtDataClientConfig, CcxtExecutionClientConfig
    from ccxt_nt.factories import (
        CcxtDataClientFactory,
        CcxtExecutionClientFactory,
        execution_engine_config,
    )

__all__ = [
    "CcxtDataClientConfig",
    "CcxtDataClientFactory",
    "CcxtExecutionClientConfig",
    "CcxtExecutionClientFactory",
    "Clients",
    "clients_for",
    "execution_engine_config",
]

# Imported when asked for: ccxt is an extra, which the engine's own venues do not need
_LATER: Final = {
    "CcxtDataClientConfig": "ccxt_nt.config",
    "CcxtExecutionClientConfig": "ccxt_nt.config",
    "CcxtDataClientFactory": "ccxt_nt.factories",
    "CcxtExecutionClientFactory": "ccxt_nt.factories",
    "execution_engine_config": "ccxt_nt.factories",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
