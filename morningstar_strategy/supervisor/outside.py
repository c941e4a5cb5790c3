"""Words from outside made harmless to show: plain, short, on one line, without hidden parts."""

from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

__all__ = ["clean", "clean_name"]

_MARKUP: Final = str.maketrans(dict.fromkeys("<>[]{}|`\\=", " "))
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LINKS: Final = ("http://", "https://", "www.")
_MOST_MARKS: Final = 3  # accents on one letter, as Hindi or Vietnamese need them
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-")
_LONGEST_NAME: Final = 48


@lru_cache(maxsize=2_048)
def clean(text: str, *, most: int) -> str:
    """Give at most `most` characters of a text: NFKC, nothing invisible, no markup, no links."""
    text = normalize("NFKC", text[: most * 4])
    if not (text.isascii() and text.isprintable()):
        text = _visible(text)
    words = text.translate(_MARKUP).split()
    return " ".join(word for word in words if not word.lower().startswith(_LINKS))[:most].rstrip()


@lru_cache(maxsize=512)
def clean_name(text: str) -> str:
    """Keep of a name only letters, digits and the marks that names of series are made of."""
    return "".join(each for each in text if each in _NAME)[:_LONGEST_NAME]


def _visible(text: str) -> str:
    """Drop control, direction, zero-width, tag and private characters and heaps of accents."""
    kept: list[str] = []
    marks = 0
    for each in text:
        kind = category(each)
        if kind in ("Cc", "Zs", "Zl", "Zp"):
            kept.append(" ")
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind[0] != "C" and marks <= _MOST_MARKS and not _hides(each):
            kept.append(each)
    return "".join(kept)


def _hides(each: str) -> bool:
    """Say whether a letter or mark shows nothing: blank letters and variation selectors."""
    selects = "\ufe00" <= each <= "\ufe0f" or "\U000e0100" <= each <= "\U000e01ef"
    return selects or each in _BLANK_LETTERS
