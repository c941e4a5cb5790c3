"""What a catalog command refuses, in one sentence a user can act on."""

import difflib
from collections.abc import Iterable


class CatalogError(ValueError):
    """Something about the catalog or its input that only the user can put right."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> str:
    """Name the known words nearest to a mistyped one, for the end of an error sentence."""
    choices = sorted(set(known))
    by_fold = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=count, cutoff=0.4)
    if not found:
        return f"known are {', '.join(choices[:10])}" if choices else "none is known"
    return f"nearest are {', '.join(by_fold[fold] for fold in found)}"
