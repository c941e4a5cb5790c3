"""What a user says about one connection to one venue and product."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ccxt_nt.values import Product

_MARGIN_MODES = ("cross", "isolated")
_VENUE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ACCOUNT_NUMBER = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One venue and product, checked; no secret is ever in it."""

    venue: str
    product: Product = Product.LINEAR
    venue_name: str | None = None  # of the engine's Venue, where one node holds both products
    account_id: str | None = None
    demo: bool = False  # the venue's own test environment
    endpoint: str | None = None  # stands before every host: a proxy, or the local exchange
    allow_untested: bool = False
    instruments: tuple[str, ...] | None = None  # names such as BTCUSDT-PERP; None is all
    book_depth: int = 50
    leverage: Mapping[str, int] = field(default_factory=dict)  # by instrument name
    margin_mode: str | None = None
    deadline_secs: float = 10.0  # of one request
    reconcile_secs: float = 30.0  # between two looks at the account
    settle_secs: float = 15.0  # after which an order that nobody has ever seen was never there
    seed: int = 0  # of the jitter

    def __post_init__(self) -> None:
        for name in ("deadline_secs", "reconcile_secs", "settle_secs"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive and finite, was {value}")
        if self.book_depth < 1:
            raise ValueError(f"book_depth must be 1 or more, was {self.book_depth}")
        if self.margin_mode is not None and self.margin_mode not in _MARGIN_MODES:
            raise ValueError(f"margin_mode must be cross or isolated, was {self.margin_mode!r}")
        self._check_names()
        self._check_instruments()
        self._check_leverage()
        if self.endpoint is not None and not _is_endpoint(self.endpoint):
            raise ValueError(f"endpoint must be http(s)://host[:port], was {self.endpoint!r}")

    def _check_names(self) -> None:
        name, account = self.venue_name, self.account_id
        if name is not None and not _VENUE_NAME.fullmatch(name):
            raise ValueError(f"venue_name must be letters, digits, - and _, was {name!r}")
        # The engine finds the account of a venue by its first word alone
        issuer = f"{name or self.venue}-"
        if account is not None and not (
            account.startswith(issuer) and _ACCOUNT_NUMBER.fullmatch(account.removeprefix(issuer))
        ):
            raise ValueError(f"account_id must be like {issuer}001, was {account!r}")

    def _check_instruments(self) -> None:
        names = self.instruments
        if names is None:
            return
        if not names:
            raise ValueError("instruments must name one or more, or be None for all, was empty")
        for name in names:
            if not isinstance(name, str) or not _is_name(name):
                raise ValueError(
                    f"instruments must be names without a venue, such as BTCUSDT or BTCUSDT-PERP, "
                    f"was {str(name)!r}"
                )

    def _check_leverage(self) -> None:
        if self.leverage and self.product is Product.SPOT:
            raise ValueError(f"leverage is for perpetuals, was {dict(self.leverage)} for spot")
        for name, times in self.leverage.items():
            if not isinstance(times, int) or isinstance(times, bool) or times < 1:
                raise ValueError(f"leverage of {name} must be a whole number from 1, was {times}")
            if self.instruments is not None and name not in self.instruments:
                raise ValueError(f"leverage names {name!r}, which is not among instruments")


def _is_name(text: str) -> bool:
    return bool(text) and not any(sign in "/:. " for sign in text)


def product_of(text: str) -> Product:
    """Read a product as a user writes it."""
    try:
        return Product(text.lower())
    except ValueError:
        raise ValueError(f"product must be spot or linear, was {text!r}") from None


def _is_endpoint(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query
