"""The instruments of one venue and product, as the engine knows them."""

from collections.abc import Callable, Sequence

from nautilus_trader.live import InstrumentProviderConfig
from nautilus_trader.live.providers import InstrumentProvider
from nautilus_trader.model import InstrumentId, Venue

from ccxt_nt.conversion import Instrument, instrument, instrument_id
from ccxt_nt.line.client import Line
from ccxt_nt.settings import Settings
from ccxt_nt.symbols import instrument_name
from ccxt_nt.values import MarketRow


class CcxtInstrumentProvider(InstrumentProvider):
    """Loads instruments through a line and remembers which market each of them is."""

    def __init__(
        self,
        line: Line,
        venue: Venue,
        *,
        settings: Settings,
        now_ns: Callable[[], int],
        config: InstrumentProviderConfig | None = None,
    ) -> None:
        super().__init__(config)
        self._line = line
        self._venue = venue
        self._settings = settings
        self._now_ns = now_ns
        self._markets: dict[InstrumentId, MarketRow] = {}
        self._by_symbol: dict[str, Instrument] = {}
        self._left_out: dict[InstrumentId, str] = {}  # and why

    async def load_all_async(self, filters: dict[str, object] | None = None) -> None:
        """Load what the settings name, or everything the venue lists for the product."""
        rows = await self._line.load_markets()
        self.fill(rows)

    def fill(self, rows: Sequence[MarketRow]) -> None:
        """Take markets that were loaded already; one that cannot be expressed is left out.

        Raises ValueError where such a one, or one that the venue does not list, is named in the
        settings.
        """
        wanted = self._settings.instruments
        if wanted is not None:
            rows = [self._line.symbols.named(name) for name in wanted]
        for row in rows:
            try:
                made = self._made(row)
            except ValueError as e:
                told = f"instrument {instrument_name(row)} cannot be expressed by the engine: {e}"
                if wanted is not None:
                    raise ValueError(told) from e
                self._left_out[instrument_id(row, self._venue)] = told
                self._line.note(f"left out: {told}")
                continue
            self.add(made)
            self._markets[made.id] = row
            self._by_symbol[row.symbol] = made

    def _made(self, row: MarketRow) -> Instrument:
        leverage = self._settings.leverage.get(instrument_name(row))
        made = instrument(row, self._venue, ts_init=self._now_ns(), leverage=leverage)
        for name, told, value in (
            ("tick", row.tick, made.price_increment),
            ("lot", row.lot, made.size_increment),
            ("contract_size", row.contract_size, made.multiplier),
        ):
            if value.as_decimal() != told:
                raise ValueError(f"{name} {told} would become {value}")
        return made

    def market(self, instrument_id: InstrumentId) -> MarketRow:
        """Tell which market an instrument is; ValueError where it was not loaded."""
        if instrument_id in self._left_out:
            raise ValueError(self._left_out[instrument_id])
        if instrument_id not in self._markets:
            raise ValueError(
                f"instrument {instrument_id} is not loaded: add its name to `instruments`"
            )
        return self._markets[instrument_id]

    def instrument(self, symbol: str) -> Instrument:
        """Tell which instrument a market is; ValueError where it was not loaded."""
        if symbol not in self._by_symbol:
            raise ValueError(f"symbol {symbol} is not loaded: add its name to `instruments`")
        return self._by_symbol[symbol]

    def knows(self, symbol: str) -> bool:
        """Say whether a market was loaded."""
        return symbol in self._by_symbol

    @property
    def symbols(self) -> tuple[str, ...]:
        """List the markets that were loaded, as ccxt names them."""
        return tuple(self._by_symbol)
