"""Words from outside made harmless to show: plain, short, on one line, without hidden parts."""

import re
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

__all__ = ["clean", "clean_name", "says_nothing"]

_MARKUP: Final = str.maketrans(dict.fromkeys("<>[]{}|`\\", " "))
_BOXES: Final = map(chr, range(0x2500, 0x2580))  # lines as tables are drawn with
_FENCES: Final = str.maketrans(dict.fromkeys(("=", *"꞊⹀゠᐀≡≣〓", *_BOXES), " "))
_RULE: Final = re.compile(r"(_|[^\w\s.!?])\1\1+")  # a mark thrice and more, as `---`
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# What of plain ASCII may be markup, a fence, a rule or a link
_SUSPECT: Final = re.compile(r"[<>\[\]{}|`\\=]|(_|[^\w\s.!?])\1\1|://|www\.", re.IGNORECASE)
_LINK: Final = re.compile(r"://|(?<![a-z0-9])www\.", re.IGNORECASE)
_MOST_MARKS: Final = 3  # accents on one letter, as Hindi or Vietnamese need them
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-")
_LONGEST_NAME: Final = 48
_GLANCE: Final = 250  # characters: all that is kept of a piece of news is four times that


def clean(text: str, *, most: int) -> str:
    """Give at most `most` characters of a text: NFKC, nothing invisible, no markup, no links.

    Nothing is left that could pass for the border of a section.
    """
    text = text[: most * 4]
    is_plain = text.isascii() and text.isprintable()
    if is_plain and not _SUSPECT.search(text):  # as nearly all that is said is
        return " ".join(text.split())[:most].rstrip()
    if not is_plain:
        text = _plain(text)
    text = text.translate(_MARKUP)
    if _LINK.search(text):
        text = " ".join(word for word in text.split() if not _LINK.search(word))
    text = _RULE.sub(" ", text.translate(_FENCES))
    return " ".join(text.split())[:most].rstrip()


def says_nothing(text: str) -> bool:
    """Say whether nothing of a text would be shown, as of one that is only a link."""
    return not clean(text, most=_GLANCE)


@lru_cache(maxsize=512)
def clean_name(text: str) -> str:
    """Keep of a name only letters, digits and the marks that names of series are made of."""
    return "".join(each for each in text if each in _NAME)[:_LONGEST_NAME]


def _plain(text: str) -> str:
    text = normalize("NFKC", text)
    return text if text.isascii() and text.isprintable() else _visible(text)


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
