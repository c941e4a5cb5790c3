"""A few hundred mutants a stream; `python -m tests.fuzz --examples 10000` throws them all."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from ccxt_nt.orders import watching
from ccxt_nt.values import FillRow, Product
from tests.fuzz.campaign import attack, targets
from tests.fuzz.corpus import STREAMS, corpus
from tests.fuzz.mutations import Mutator
from tests.fuzz.oracle import BrokenError, Claims, Engine
from tests.venue.dialects import CLASSES

# `Any` in this module: frames are any JSON

_MUTANTS = 150  # of each stream
_BOTH = [(dialect, product) for dialect in CLASSES for product in Product]


@pytest.mark.parametrize(("dialect", "product"), _BOTH)
def test_wrong_frames_kill_no_stream_and_invent_nothing(dialect: str, product: Product) -> None:
    streams = [each for each in targets((dialect,)) if each.product is product]
    frames = corpus(dialect, product)
    outcome = attack(streams, frames, mutants=_MUTANTS * len(streams), seed=1)
    assert outcome.mutants == _MUTANTS * len(streams)
    assert outcome.left_out > 0, "some frames must have been too wrong to be read"
    for kind in ("TradeTick", "QuoteTick", "OrderBookDeltas", "Bar", "AccountBalance"):
        assert outcome.taken[kind] > 0, f"no {kind} reached the engine"
    assert outcome.fills > 0


@pytest.mark.parametrize(("dialect", "product"), _BOTH)
def test_the_committed_frames_alone_cover_every_stream(dialect: str, product: Product) -> None:
    frames = corpus(dialect, product, recorded=None)
    assert {stream for stream, texts in frames.items() if texts} == set(STREAMS)


def test_the_same_seed_makes_the_same_mutants() -> None:
    frame = corpus("bitget", Product.SPOT, recorded=None)["trades"][0]
    one, other = (Mutator(Random(5)) for _ in range(2))
    assert [one.mutate(frame) for _ in range(200)] == [other.mutate(frame) for _ in range(200)]


def test_an_adapter_that_alters_a_fill_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    true = vars(watching)["fill_row"]

    def altered(trade: object, profile: Any, **options: Any) -> FillRow:
        row: FillRow = true(trade, profile, **options)
        return replace(row, quantity=2 * row.quantity)

    monkeypatch.setattr(watching, "fill_row", altered)
    streams = [each for each in targets(("bitget",)) if each.stream == "fills"][:1]
    with pytest.raises(BrokenError, match="a fill was invented"):
        attack(streams, corpus("bitget", Product.SPOT), mutants=50, seed=1)


def test_an_adapter_that_goes_deaf_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a frame was left out, ours hears no other: the proof at the end must notice."""
    from ccxt_nt.line.client import Line

    true = Line.bad_frame

    def deafened(self: Line, client: Any, frame: Any, e: Exception) -> None:
        true(self, client, frame, e)
        client.handle_message = lambda message: None

    monkeypatch.setattr(Line, "bad_frame", deafened)
    monkeypatch.setattr("tests.fuzz.rig._PATIENCE_SECS", 20.0)
    streams = [each for each in targets(("bitget",)) if each.stream == "trades"][:1]
    with pytest.raises(BrokenError, match="is told: not within"):
        attack(streams, corpus("bitget", Product.SPOT), mutants=60, seed=1)


def test_the_oracle_knows_a_told_fill_from_an_untold_one() -> None:
    claims = Claims()
    claims.hear('{"data":[{"tradeId":"1","orderId":"9","price":"10.5","size":"0.20"}]}')
    claims.hear('{"data":[{"tradeId":"2","orderId":"9","price":"NaN","size":"0.2"}]}')
    claims.hear("not JSON")
    told = _fill("1", "10.5", "0.2")
    claims.check(told)
    for untold in (_fill("1", "10.6", "0.2"), _fill("1", "10.5", "0.3"), _fill("2", "10", "0.2")):
        with pytest.raises(BrokenError, match="a fill was invented"):
            claims.check(untold)


def test_whatever_is_not_the_engines_is_a_fault() -> None:
    engine = Engine()
    engine.take("a text")
    assert "was given a str" in str(engine.faults[0])


def _fill(trade_id: str, price: str, quantity: str) -> FillRow:
    from decimal import Decimal

    from ccxt_nt.values import Side

    return FillRow(
        symbol="BTC/USDT",
        trade_id=trade_id,
        venue_order_id="9",
        client_order_id=None,
        side=Side.BUY,
        price=Decimal(price),
        quantity=Decimal(quantity),
        is_maker=None,
        fee=None,
        fee_currency=None,
        ts_event=1_786_542_400_000_000_000,
    )
