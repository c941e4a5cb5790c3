"""Client order ids of the real engine, and those that once hurt."""

from itertools import product

import pytest
from nautilus_trader.common import Clock, OrderFactory
from nautilus_trader.model import StrategyId, TraderId

from ccxt_nt.ids import CODECS, codec

_SWITCHES = tuple(product((True, False), repeat=2))


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize(("uuids", "hyphens"), _SWITCHES)
def test_the_engines_own_ids_come_back(name: str, uuids: bool, hyphens: bool) -> None:
    factory = OrderFactory(
        TraderId("TRADER-001"),
        StrategyId("EMACross-XY9"),
        Clock.new_test(),
        use_uuid_client_order_ids=uuids,
        use_hyphens_in_client_order_ids=hyphens,
    )
    for _ in range(300):
        made = factory.generate_client_order_id().value
        assert codec(name).decode(codec(name).encode(made)) == made


def test_a_readable_id_is_sent_as_it_is_where_it_fits() -> None:
    assert codec("dash40").encode("O-20260101-000000-001-000-1") == "O-20260101-000000-001-000-1"


def test_gate_gets_its_prefix_and_no_more_than_28_characters() -> None:
    for count in (1, 99, 100, 123_456, 3 * 10**12 + 7):
        sent = codec("t28").encode(f"O-20260101-000000-001-000-{count}")
        assert sent.startswith("t-")
        assert len(sent) <= 28


def test_an_id_that_begins_like_a_packed_one_is_escaped() -> None:
    assert codec("dash40").encode("zqd") == "zqezqd"
    assert codec("dash40").decode("zqezqd") == "zqd"


def test_an_id_that_does_not_fit_names_itself_and_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"'my order ☃' cannot be sent: .* order_id_tag"):
        codec("t28").encode("my order ☃")


def test_an_impossible_date_is_not_packed() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        codec("t28").encode("O-20261399-996199-001-000-1")


def test_an_unknown_codec_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"codec must be one of .*, was 'base64'"):
        codec("base64")
