"""The settings of a live node: where it trades, how long it waits, what it does when in doubt."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from morningstar_strategy.actors.guard import GuardPolicy, OnDanger
from morningstar_strategy.settings.doctoring import DoctorSettings
from morningstar_strategy.settings.section import Section, as_utc

__all__ = ["NodeSettings", "PlayedExchange", "VenueLink"]


class VenueLink(Section):
    """One connection: a venue by its name, whether ccxt or the engine's own client serves it.

    `demo` is the venue's own test environment; `endpoint` stands before every host, which only
    clients of ccxt take. Keys come from the environment.
    """

    name: str = Field(min_length=1)
    product: Literal["linear", "spot"] = "linear"
    demo: bool = False
    endpoint: str | None = None
    account_id: str | None = None
    margin_mode: Literal["cross", "isolated"] | None = None
    leverage: Mapping[str, int] = Field(default_factory=dict)  # by instrument: BTCUSDT-PERP
    allow_untested: bool = False

    @property
    def venue(self) -> str:
        """Give the name as it ends the ids of instruments."""
        return self.name.strip().upper()


class PlayedExchange(Section):
    """An exchange on this machine that plays bars of a catalog through real sockets.

    The bars are those of `data.interval`, from `start` on, `node.speed` times as fast as they were.
    With an `endpoint` it runs already, and its keys are in the environment.
    """

    dialect: Literal["bitget", "kucoin", "gate"] = "bitget"
    catalog: Path = Path("data/sample")
    instruments: tuple[str, ...] = Field(min_length=1)  # as the catalog names them
    start: Annotated[datetime, AfterValidator(as_utc)]
    endpoint: str | None = None
    balance: Decimal = Field(default=Decimal(10_000), gt=0)
    seed: int = 1


class NodeSettings(Section):
    """How a node runs.

    `speed` above 1 makes the bars of `data.interval` from trades that many times as fast, and all
    waiting times of the strategy shorter; only an exchange on this machine plays so fast. `state`
    is the folder of what must survive a restart. `at_stop` says what becomes of what is open when
    the node is stopped; `stale_after_bars` without a bar are too many to take new risk.
    """

    venues: tuple[VenueLink, ...] = ()
    exchange: PlayedExchange | None = None
    speed: int = Field(default=1, ge=1, le=600)
    state: Path = Path("data/state")
    journal: str = ""  # URL of a database; "" is SQLite in the state folder
    at_stop: Literal["keep", "flatten"] = "keep"
    on_danger: OnDanger = OnDanger.HALT  # when the account's risk is danger
    guard: GuardPolicy = Field(default_factory=GuardPolicy)
    doctor: DoctorSettings = Field(default_factory=DoctorSettings)
    stale_after_bars: float = Field(default=2.5, gt=1, le=100)
    warm_up: Literal["venue", "catalog", "none"] = "venue"
    connect_secs: int = Field(default=60, ge=1, le=600)
    settle_secs: int = Field(default=5, ge=1, le=300)  # for last answers after the strategies stop
    record: bool = True  # what the session sees, so that it can be replayed

    @field_validator("venues")
    @classmethod
    def _distinct(cls, value: tuple[VenueLink, ...]) -> tuple[VenueLink, ...]:
        names = [each.venue for each in value]
        if len(set(names)) != len(names):
            raise ValueError(f"venues must be distinct, were {', '.join(names)}")
        return value
