"""What a client's order bodies ask for."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import CUSTOM_TEXT, decimal, invalid, trigger_passed
from tests.venue.model import Ask, Force, Kind, Listing, Product, Side, Trigger

type Body = Mapping[str, Any]  # a parsed JSON object of the client's

_FORCES: Final[Mapping[str, Force]] = {
    "gtc": Force.GTC,
    "ioc": Force.IOC,
    "fok": Force.FOK,
    "poc": Force.POST_ONLY,
}
_MAX_EXPIRATION_SECS: Final = 30 * 86_400
_SIDES: Final[Mapping[object, Side]] = {"buy": Side.BUY, "sell": Side.SELL}
_RULES: Final[Mapping[object, bool]] = {">=": True, "<=": False, 1: True, 2: False}


def spot_ask(house: House, body: Body) -> Ask:
    """Read the body of a plain spot order; raise GateError where it makes no sense."""
    listing = house.listing(Product.SPOT, str(body.get("currency_pair")))
    if body.get("account", "spot") != "spot":
        raise invalid("account")
    side = _of(_SIDES, body.get("side"), "side")
    kind = _kind(body.get("type", "limit"), "type")
    force = _of(_FORCES, body.get("time_in_force", "gtc"), "time_in_force")
    amount = decimal(body.get("amount"), "amount")
    if kind is Kind.MARKET:
        if force not in (Force.IOC, Force.FOK):
            raise invalid("time_in_force")
        by_cost = side is Side.BUY
        return Ask(
            symbol=listing.symbol,
            side=side,
            kind=kind,
            quantity=None if by_cost else amount,
            cost=amount if by_cost else None,
            force=force,
            client_id=custom_text(body.get("text")),
        )
    return Ask(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=amount,
        price=decimal(body.get("price"), "price"),
        force=force,
        client_id=custom_text(body.get("text")),
    )


def spot_trigger_ask(house: House, body: Body) -> tuple[Ask, int]:
    """Read the body of a spot price order; return it with its expiration in seconds.

    A text in it goes unheard, as the venue has no place for one.
    """
    listing = house.listing(Product.SPOT, str(body.get("market")))
    put, trigger = _part(body, "put"), _part(body, "trigger")
    if put.get("account", "normal") != "normal":
        raise invalid("put.account")
    if put.get("type", "limit") != "limit":
        raise invalid("put.type")
    force = _of(_FORCES, put.get("time_in_force", "gtc"), "put.time_in_force")
    if force not in (Force.GTC, Force.IOC):
        raise invalid("put.time_in_force")
    expiration = _expiration(trigger.get("expiration"))
    if not expiration:
        raise invalid("trigger.expiration invalid range")
    rising = _of(_RULES, trigger.get("rule"), "Trigger.rule")
    ask = Ask(
        symbol=listing.symbol,
        side=_of(_SIDES, put.get("side"), "put.side"),
        kind=Kind.LIMIT,
        quantity=decimal(put.get("amount"), "put.amount"),
        price=decimal(put.get("price"), "put.price"),
        force=force,
        trigger=_trigger(house, listing, trigger, rising=rising),
    )
    return ask, expiration


def futures_ask(house: House, body: Body) -> Ask:
    """Read the body of a plain perpetual order; raise GateError where it makes no sense."""
    listing = house.listing(Product.PERP, str(body.get("contract")))
    signed = decimal(body.get("size", 0), "size")
    reduce_only = bool(body.get("reduce_only", False))
    if bool(body.get("close", False)):
        signed = -house.exchange.position(listing.symbol).quantity
        reduce_only = True
    force = _of(_FORCES, body.get("tif", "gtc"), "tif")
    return _futures_ask(
        listing,
        signed,
        price=decimal(body.get("price", 0), "price"),
        force=force,
        reduce_only=reduce_only,
        client_id=custom_text(body.get("text")),
        trigger=None,
    )


def futures_trigger_ask(house: House, body: Body) -> tuple[Ask, int]:
    """Read the body of a perpetual price order; return it with its expiration (0: never)."""
    initial, trigger = _part(body, "initial"), _part(body, "trigger")
    listing = house.listing(Product.PERP, str(initial.get("contract")))
    if int(trigger.get("strategy_type", 0)) != 0 or int(trigger.get("price_type", 0)) != 0:
        raise invalid("Trigger.price_type")  # the venue knows more; this one fires on last prices
    price = decimal(initial.get("price", 0), "initial.price")
    force = _of(_FORCES, initial.get("tif", "gtc"), "initial.tif")
    if force not in (Force.GTC, Force.IOC):
        raise invalid("initial.tif")
    rising = _of(_RULES, trigger.get("rule"), "Trigger.rule")
    ask = _futures_ask(
        listing,
        decimal(initial.get("amount", initial.get("size", 0)), "initial.size"),
        price=price,
        force=force,
        reduce_only=bool(initial.get("reduce_only", False)),
        client_id=custom_text(initial.get("text")),
        trigger=_trigger(house, listing, trigger, rising=rising),
    )
    return ask, _expiration(trigger.get("expiration") or 0)


def custom_text(value: object) -> str | None:
    """Read a client's own id; raise GateError where the venue would not take it."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not CUSTOM_TEXT.fullmatch(value):
        raise invalid("text")
    return value


def _futures_ask(
    listing: Listing,
    signed: Decimal,
    *,
    price: Decimal,
    force: Force,
    reduce_only: bool,
    client_id: str | None,
    trigger: Trigger | None,
) -> Ask:
    is_market = price == 0
    if is_market and force not in (Force.IOC, Force.FOK):
        raise invalid("tif")
    if signed == 0:
        raise invalid("size")
    return Ask(
        symbol=listing.symbol,
        side=Side.BUY if signed > 0 else Side.SELL,
        kind=Kind.MARKET if is_market else Kind.LIMIT,
        quantity=abs(signed),
        price=None if is_market else price,
        force=force,
        reduce_only=reduce_only,
        client_id=client_id,
        trigger=trigger,
    )


def _trigger(house: House, listing: Listing, trigger: Body, *, rising: bool) -> Trigger:
    price = decimal(trigger.get("price"), "Trigger.price")
    last = house.exchange.last(listing.symbol)
    if last is not None and (price <= last if rising else price >= last):
        raise trigger_passed(rising=rising)
    return Trigger(price=price, rising=rising)


def _expiration(value: object) -> int:
    secs = decimal(value, "trigger.expiration")
    if secs != int(secs) or not 0 <= secs <= _MAX_EXPIRATION_SECS:
        raise invalid("trigger.expiration invalid range")
    return int(secs)


def _part(body: Body, name: str) -> Body:
    part = body.get(name)
    if not isinstance(part, dict):
        raise invalid(name)
    return part


def _kind(value: object, name: str) -> Kind:
    return _of({"limit": Kind.LIMIT, "market": Kind.MARKET}, value, name)


def _of[T](known: Mapping[Any, T], value: object, name: str) -> T:
    try:
        return known[value]
    except (KeyError, TypeError):
        raise invalid(name) from None
