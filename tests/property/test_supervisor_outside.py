"""A law of words from outside: plain words are cleaned alike by the short way and the long one."""

from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.supervisor.outside import clean

MARKS = st.sampled_from(["://", "www.", "---", "___", "...", "==", "`", "<b>", "{}", "  ", "a"])
PLAIN = st.lists(MARKS | st.text(st.characters(codec="ascii"), max_size=6)).map("".join)
NOTHING_SHOWN = "\u200b"  # of no width: it is dropped, and sends a text the long way


@given(PLAIN, st.integers(1, 80))
def test_plain_words_become_what_they_become_beside_a_mark_that_shows_nothing(
    text: str, most: int
) -> None:
    short = text[: most * 4 - 1]
    assert clean(short, most=most) == clean(short + NOTHING_SHOWN, most=most)
