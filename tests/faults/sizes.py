"""How much somebody holds: the sizes of all containers that can be reached, by their path."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from math import inf
from typing import Any, Final

# `Any` in this module: anything may be held

_CONTAINERS: Final = (dict, list, set, frozenset, tuple, deque)
_WALKED: Final = ("ccxt_nt.", "ccxt.", "tests.")  # modules whose objects are looked into
_DEEPEST: Final = 12
_LEAVES: Final = (str, bytes, int, float, bool, type(None))


def sizes(roots: Sequence[object]) -> Counter[str]:
    """Sum the lengths of containers below some objects; items of one share its path."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: deque[tuple[str, Any, int]] = deque((type(root).__name__, root, 0) for root in roots)
    while waiting:
        path, thing, depth = waiting.popleft()
        if id(thing) in seen or depth > _DEEPEST or isinstance(thing, _LEAVES):
            continue
        seen.add(id(thing))
        if isinstance(thing, _CONTAINERS):
            found[path] += len(thing)
            waiting.extend((f"{path}[]", each, depth + 1) for each in _items(thing))
        elif type(thing).__module__.startswith(_WALKED):
            waiting.extend((f"{path}.{name}", each, depth + 1) for name, each in _fields(thing))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A table that keeps so many entries and no more: until it is full, all in it may grow."""

    prefix: str  # of the paths of what is in it
    counted: str  # the path whose length is its number of entries
    most: int

    def room(self, path: str, before: Mapping[str, int], after: Mapping[str, int]) -> float:
        """Tell how many times larger a path may become; infinite where the table was empty."""
        if not path.startswith(self.prefix) or after.get(self.counted, 0) > self.most:
            return 1.0
        entries = before.get(self.counted, 0)
        return max(1.0, self.most / entries) if entries else inf


def grown(
    before: Mapping[str, int], after: Mapping[str, int], *, bounds: Sequence[Bound] = ()
) -> list[str]:
    """List what became much larger than its bounds allow, the worst first."""
    worse: dict[str, tuple[int, int]] = {}
    for path, count in after.items():
        was = before.get(path, 0)
        room = max((bound.room(path, before, after) for bound in bounds), default=1.0)
        if room < inf and count > was * 1.25 * room + 120:
            worse[path] = was, count
    ranked = sorted(worse.items(), key=lambda item: item[1][0] - item[1][1])
    return [f"{path}: {was} -> {now}" for path, (was, now) in ranked]


def _items(thing: Any) -> list[Any]:
    if isinstance(thing, Mapping):
        return list(thing.values())
    return list(thing) if isinstance(thing, Sequence | Set | deque) else []


def _fields(thing: object) -> Iterator[tuple[str, Any]]:
    yield from list(getattr(thing, "__dict__", {}).items())
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                yield name, getattr(thing, name)
