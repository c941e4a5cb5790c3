"""Which clients serve a venue's name: the engine's own where it has them, ccxt's else."""

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import AccountId

from ccxt_nt.natives import NATIVES, Clients, native_clients
from ccxt_nt.values import Product

# Names that people still have in their settings, and the truth about them
GONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serum": "its team declared it defunct in November 2022 and no venue answers under that"
        " name; for perpetuals on a chain use hyperliquid or dydx, for Solana's order books"
        " there is no client here",
    }
)


def clients_for(
    venue: str,
    *,
    product: str = "linear",
    demo: bool = False,
    account_id: str | None = None,
    **options: Any,  # checked by the configs
) -> Clients:
    """Configure both clients of a venue by its name in any case.

    `options` are fields of `CcxtDataClientConfig` and `CcxtExecutionClientConfig`, for the venues
    that ccxt serves. Raises ValueError for a venue that is gone, an unknown product, an option
    that the engine's own client does not have; Unsupported for a venue without a tested profile.
    """
    name = venue.strip().lower()
    if name in GONE:
        raise ValueError(f"venue {venue!r} cannot be traded: {GONE[name]}")
    kind = _product(product)
    if name not in NATIVES:
        return _ccxt_clients(name, kind, demo=demo, account_id=account_id, options=options)
    if options:
        raise ValueError(
            f"option {min(options)!r} is not one of NautilusTrader's own client of {name}:"
            " build its configuration yourself, or leave the option out"
        )
    account = AccountId(account_id or f"{name.upper()}-001")
    return native_clients(name, kind, demo=demo, account_id=account)


def _product(text: str) -> Product:
    try:
        return Product(text.lower())
    except ValueError:
        known = ", ".join(product.value for product in Product)
        raise ValueError(f"product must be one of {known}, was {text!r}") from None


def _ccxt_clients(
    name: str,
    product: Product,
    *,
    demo: bool,
    account_id: str | None,
    options: Mapping[str, Any],
) -> Clients:
    if find_spec("ccxt") is None:
        raise ImportError(f"venue {name!r} needs ccxt: pip install '.[ccxt]'")
    from ccxt_nt import config, factories  # ccxt is an extra
    from ccxt_nt.venues import profile

    untested = bool(options.get("allow_untested"))
    row = profile(name.upper(), product, allow_untested=untested)  # refuses now, not at the start
    if demo and row.demo is None:
        raise ValueError(f"{row.key} has no demo: set demo=False")
    fields: dict[str, Any] = {"venue": name, "product": product.value, "demo": demo, **options}
    return Clients(
        name=str(options.get("venue_name") or name.upper()),
        data_factory=factories.CcxtDataClientFactory(),
        data_config=config.CcxtDataClientConfig(**fields),
        execution_factory=factories.CcxtExecutionClientFactory(),
        execution_config=config.CcxtExecutionClientConfig(**fields, account_id=account_id),
        execution_engine=factories.execution_engine_config(),
    )
