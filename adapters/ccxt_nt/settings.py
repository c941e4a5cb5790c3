"""What a user says about one connection to one venue and product."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ccxt_nt.values import Product

_MARGIN_MODES = ("cross", "isolated")


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
        for name, times in self.leverage.items():
            if times < 1:
                raise ValueError(f"leverage of {name} must be 1 or more, was {times}")
        if self.endpoint is not None and not _is_endpoint(self.endpoint):
            raise ValueError(f"endpoint must be http(s)://host[:port], was {self.endpoint!r}")


def product_of(text: str) -> Product:
    """Read a product as a user writes it."""
    try:
        return Product(text.lower())
    except ValueError:
        raise ValueError(f"product must be spot or linear, was {text!r}") from None


def _is_endpoint(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query
