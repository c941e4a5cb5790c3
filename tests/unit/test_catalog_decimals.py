"""Exact columns: what goes in as a decimal comes out as the same decimal."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.decimals import FIXED, from_floats, from_text, infer_precision, needed_precision
from catalog.errors import CatalogError


@st.composite
def exact_numbers(draw: st.DrawFn) -> tuple[int, list[Decimal]]:
    precision = draw(st.integers(0, 8))
    units = draw(st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
    last = draw(st.integers(1, 10**11).filter(lambda unit: unit % 10 or not precision))
    return precision, [Decimal(unit).scaleb(-precision) for unit in [*units, last]]


@given(exact_numbers())
def test_floats_of_decimals_become_the_same_decimals(numbers: tuple[int, list[Decimal]]) -> None:
    precision, told = numbers
    column = from_floats(np.array([float(number) for number in told]), precision)
    assert column.type == FIXED
    assert column.to_pylist() == told


@given(exact_numbers())
def test_the_inferred_precision_writes_every_number_and_no_smaller_one_does(
    numbers: tuple[int, list[Decimal]],
) -> None:
    precision, told = numbers
    assert infer_precision([np.array([float(number) for number in told])]) == precision


@given(exact_numbers())
def test_the_needed_precision_of_exact_columns_is_their_decimals(
    numbers: tuple[int, list[Decimal]],
) -> None:
    precision, told = numbers
    column = from_text([str(number) for number in told])
    assert needed_precision([column], 0) == precision
    assert needed_precision([column], precision + 3) == precision + 3


@given(st.lists(st.decimals(-(10**12), 10**12, places=16), max_size=20))
def test_texts_become_the_same_decimals(told: list[Decimal]) -> None:
    assert from_text([format(number, "f") for number in told]).to_pylist() == told


def test_binary_noise_is_not_taken_for_decimals() -> None:
    assert infer_precision([np.array([0.1 + 0.2, 1.1 + 2.2, 0.7])]) == 1


def test_numbers_that_a_source_computed_are_kept_to_eight_decimals() -> None:
    assert infer_precision([np.array([1 / 3, 2.0])]) == 8
    assert from_floats(np.array([1 / 3]), 8).to_pylist() == [Decimal("0.33333333")]


def test_a_late_finer_number_is_seen() -> None:
    values = np.ones(5_000)
    values[4_321] = 1.25
    assert infer_precision([values]) == 2


def test_a_number_too_big_for_the_engine_is_refused() -> None:
    with pytest.raises(CatalogError, match=r"1e\+17 is too big"):
        from_floats(np.array([1e17]), 3)


@pytest.mark.parametrize("text", ["", "abc", "1.12345678901234567"])
def test_a_text_that_is_no_exact_number_is_refused(text: str) -> None:
    with pytest.raises(CatalogError, match="exact number"):
        from_text([text])


def test_negative_numbers_are_kept() -> None:
    assert from_floats(np.array([-1.5, 0.0]), 1).to_pylist() == [Decimal("-1.5"), Decimal(0)]
    assert isinstance(from_floats(np.array([]), 1), pa.Array)


def test_a_price_too_small_to_store_is_refused_rather_than_stored_as_zero() -> None:
    with pytest.raises(CatalogError, match="1e-15 is too small"):
        from_floats(np.array([1.0, 1e-15]), 8)
