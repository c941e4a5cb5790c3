"""The engine's configs of a data and an execution client, with what a venue needs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from nautilus_trader.config import DataClientConfig, ExecutionClientConfig
from nautilus_trader.live import InstrumentProviderConfig, RoutingConfig

from ccxt_nt.settings import Settings, product_of


class _VenueConfig:
    """What both configs are told; the fields are those of `Settings`."""

    def __init__(
        self,
        *,
        venue: str,
        product: str = "linear",
        venue_name: str | None = None,
        account_id: str | None = None,
        demo: bool = False,
        endpoint: str | None = None,
        allow_untested: bool = False,
        instruments: Sequence[str] | None = None,
        book_depth: int = 50,
        leverage: Mapping[str, int] | None = None,
        margin_mode: str | None = None,
        deadline_secs: float = 10.0,
        reconcile_secs: float = 30.0,
        settle_secs: float = 15.0,
        seed: int = 0,
        instrument_provider: InstrumentProviderConfig | None = None,  # read by __new__
        routing: RoutingConfig | None = None,  # read by __new__
    ) -> None:
        self.failures: list[str] = []  # why the client made of this did not connect
        self.errors: Counter[str] = Counter()  # of its calls, by the names in `ccxt_nt.errors`
        told_leverage: object = {} if leverage is None else leverage
        if isinstance(instruments, str):
            told = f"instruments must be a list of names, was {instruments!r}"
            raise ValueError(told)  # noqa: TRY004 - like every other wrong setting
        if not isinstance(told_leverage, Mapping):
            told = f"leverage must be a number for each instrument, was {leverage!r}"
            raise ValueError(told)  # noqa: TRY004 - like every other wrong setting
        self.settings = Settings(
            venue=venue.upper(),
            product=product_of(product),
            venue_name=venue_name,
            account_id=account_id,
            demo=demo,
            endpoint=endpoint,
            allow_untested=allow_untested,
            instruments=None if instruments is None else tuple(instruments),
            book_depth=book_depth,
            leverage=dict(leverage or {}),
            margin_mode=margin_mode,
            deadline_secs=deadline_secs,
            reconcile_secs=reconcile_secs,
            settle_secs=settle_secs,
            seed=seed,
        )

    def count_error(self, kind: str) -> None:
        """Count an error of a call to the venue."""
        self.errors[kind] += 1

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r})"

    def __str__(self) -> str:
        return repr(self)


class CcxtDataClientConfig(_VenueConfig, DataClientConfig):
    """What a data client is told."""


class CcxtExecutionClientConfig(_VenueConfig, ExecutionClientConfig):
    """What an execution client is told; keys come from the environment."""
