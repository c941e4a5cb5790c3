"""Laws of client order ids: nothing is lost, nothing collides, everything fits the venue."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ccxt_nt.ids import CODECS, Codec, PackingCodec

_TAG = st.from_regex(r"[0-9A-Za-z]{3}", fullmatch=True)
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001 - hypothesis' own way
_MOMENTS = st.datetimes(min_value=_FIRST, max_value=_LAST)
_CODECS = st.sampled_from([CODECS[name] for name in sorted(CODECS)])


@st.composite
def engine_ids(draw: st.DrawFn) -> str:
    """Draw an id of the engine's own generators: dated or random, with hyphens or without."""
    hyphens = draw(st.booleans())
    if draw(st.booleans()):
        text = str(draw(st.uuids(version=4)))
        return text if hyphens else text.replace("-", "")
    moment = draw(_MOMENTS).replace(tzinfo=UTC)
    # Replacements count on in steps of 10^12 where there are hyphens to find the count by
    count = draw(st.integers(min_value=1, max_value=9 * 10**12 if hyphens else 10**9))
    parts = [f"{moment:%Y%m%d}", f"{moment:%H%M%S}", draw(_TAG), draw(_TAG), str(count)]
    return "O-" + "-".join(parts) if hyphens else "O" + "".join(parts)


def fitting_ids(codec: PackingCodec) -> st.SearchStrategy[str]:
    """Draw ids that the venue could carry as they are."""
    room = codec.max_length - len(codec.prefix)
    return st.from_regex(f"[{codec.charset}]{{1,{room}}}", fullmatch=True)


@given(_CODECS, engine_ids())
def test_every_id_of_the_engine_comes_back(codec: Codec, client_order_id: str) -> None:
    assert codec.decode(codec.encode(client_order_id)) == client_order_id


@given(_CODECS, engine_ids())
def test_what_is_sent_fits_the_venue(codec: PackingCodec, client_order_id: str) -> None:
    sent = codec.encode(client_order_id)
    assert len(sent) <= codec.max_length
    assert re.fullmatch(f"{codec.prefix}[{codec.charset}]+", sent)


@given(_CODECS, st.data())
def test_an_id_that_fits_already_comes_back(codec: PackingCodec, data: st.DataObject) -> None:
    client_order_id = data.draw(fitting_ids(codec))
    assume(not client_order_id.startswith("zq"))
    assert codec.encode(client_order_id) == codec.prefix + client_order_id
    assert codec.decode(codec.prefix + client_order_id) == client_order_id


@given(_CODECS, st.data())
def test_two_ids_are_never_sent_as_one(codec: PackingCodec, data: st.DataObject) -> None:
    ids = st.one_of(engine_ids(), fitting_ids(codec), fitting_ids(codec).map(lambda i: "zq" + i))
    first, second = data.draw(ids), data.draw(ids)
    try:
        sent = codec.encode(first), codec.encode(second)
    except ValueError:
        assume(False)  # hypothesis's own way to say "not this one"
    assert (sent[0] == sent[1]) is (first == second)


@given(_CODECS, st.text(max_size=45))
def test_whatever_is_decoded_would_be_sent_so(codec: Codec, foreign: str) -> None:
    decoded = codec.decode(foreign)
    assert decoded is None or codec.encode(decoded) == foreign


@given(_CODECS, st.from_regex(r"(t-)?zq[debuvx][0-9A-Za-z]{0,30}", fullmatch=True))
def test_a_counterfeit_of_a_packed_id_is_refused_or_canonical(codec: Codec, foreign: str) -> None:
    decoded = codec.decode(foreign)
    assert decoded is None or codec.encode(decoded) == foreign


@given(_CODECS, st.text(max_size=60))
def test_an_id_comes_back_or_is_refused(codec: Codec, client_order_id: str) -> None:
    try:
        sent = codec.encode(client_order_id)
    except ValueError:
        return
    assert codec.decode(sent) == client_order_id


@pytest.mark.parametrize("told", ["web", "api", "apiv4", "app", "ao-12345", "-", ""])
def test_a_source_that_gate_names_is_nobodys_id(told: str) -> None:
    assert CODECS["t28"].decode(told) is None
