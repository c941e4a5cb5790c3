"""Gives every difference its one cause: what lies upstream explains what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from morningstar_strategy.core.divergence.execution import matched_orders, same_charge
from morningstar_strategy.core.divergence.reading import Told
from morningstar_strategy.core.divergence.settings import Changed
from morningstar_strategy.core.divergence.values import Cause, Difference, Found, PlanKey, Rung

__all__ = ["Causes", "Root", "moment_of"]

_EXECUTED: Final = frozenset({Rung.ORDERS, Rung.FILLS, Rung.EQUITY})
_ORDER: Final = {rung: place for place, rung in enumerate(Rung)}
_STATE: Final = frozenset({Cause.RISK_STATE, Cause.VENUE_REJECTION, Cause.DATA})


def moment_of(found: Found) -> tuple[int, int, int]:
    """Order differences by time, then by their place in the journal, then by rung."""
    return found.ts_event, found.seq, _ORDER[found.rung]


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A difference that others may follow from, with its cause."""

    found: Found
    cause: Cause
    keys: tuple[str, ...]


class Causes:
    """Attributes the differences of one pair of runs."""

    def __init__(
        self,
        a: Told,
        b: Told,
        *,
        settings: Sequence[Changed],
        versions: Sequence[Changed],
        outer: Sequence[Found],
        inner: Sequence[Found],
    ) -> None:
        """Take what was found: `outer` owes nothing to what the run did, `inner` may."""
        self._settings, self._versions = settings, versions
        self._simulated = a.side.simulated and b.side.simulated
        self._fees_differ = _fees_differ(a, b)
        self.outer = self._root(outer)
        self.inner = self._followed(self._root(inner))
        self._inheriting = {each.plan for each in inner if each.inherits and each.plan is not None}
        self._bars = {
            (each.instrument_id, each.ts_event): self._alone(each)[0]
            for each in outer
            if each.rung is Rung.DATA
        }
        self._own: dict[PlanKey, Cause] = {}
        for found in sorted(inner, key=moment_of):
            self._remember(found)

    def _root(self, found: Sequence[Found]) -> Root | None:
        if not found:
            return None
        first = min(found, key=moment_of)
        cause, keys = self._alone(first)
        return Root(found=first, cause=cause, keys=keys)

    def _followed(self, inner: Root | None) -> Root | None:
        """Let what a run did first otherwise follow from what it saw or forecast otherwise."""
        outer = self.outer
        if inner is None or outer is None or inner.found.certain:
            return inner
        follows = inner.found.natural in _STATE and inner.cause is not Cause.CONFIGURATION
        if outer.found.ts_event > inner.found.ts_event or not follows:
            return inner
        return replace(inner, cause=outer.cause, keys=outer.keys)

    def _remember(self, found: Found) -> None:
        """Keep what a plan's own traces say of it."""
        if found.plan is None or not found.structural or found.inherits:
            return
        decided = found.rung not in _EXECUTED
        uncertain = decided or found.natural in _STATE
        if (
            uncertain
            and not found.certain
            and (self.inner is None or found is not self.inner.found)
        ):
            return
        self._own.setdefault(found.plan, self.of(found).cause)

    def of(self, found: Found) -> Difference:
        """Attribute one difference."""
        cause, keys = self._alone(found)
        root = self.inner
        if root is not None and (found is root.found or self._follows(found, cause)):
            cause, keys = root.cause, root.keys
        return Difference(
            rung=found.rung,
            cause=cause,
            instrument_id=found.instrument_id,
            ts_event=found.ts_event,
            says=found.says,
            keys=keys,
        )

    def _follows(self, found: Found, cause: Cause) -> bool:
        """Say whether a difference is one that an earlier one brings about."""
        if found.certain or found.rung in (Rung.DATA, Rung.PREDICTIONS, Rung.REVIEWS):
            return False
        if found.inherits or cause in _STATE:
            return True
        # Nothing happens to a simulation from outside but other costs
        explained = cause is Cause.CONFIGURATION or found.natural in (Cause.FEE, Cause.FUNDING)
        return self._simulated and not explained

    def _alone(self, found: Found) -> tuple[Cause, tuple[str, ...]]:
        """Attribute a difference by itself, as if it were the first."""
        keys = tuple(
            each.said for each in self._settings if each.explains(found.rung, found.natural)
        )
        if found.rung is Rung.DATA:
            return (Cause.CONFIGURATION, keys) if keys else (found.natural, ())
        if found.natural is Cause.MODEL:
            return Cause.MODEL, keys
        if found.certain:
            return found.natural, ()
        if keys:
            return Cause.CONFIGURATION, keys
        return self._unconfigured(found)

    def _unconfigured(self, found: Found) -> tuple[Cause, tuple[str, ...]]:
        executed = found.rung in _EXECUTED
        # A venue's doing is no code of ours; two simulations on the same bars have nothing else
        blamed = self._versions and found.natural is not Cause.LLM
        if blamed and (self._simulated or not executed):
            return Cause.CODE_VERSION, tuple(each.said for each in self._versions)
        decided = found.rung in (Rung.COMMANDS, Rung.RULINGS)
        if decided and self._fees_differ and self._simulated and self.outer is None:
            return Cause.FEE, ()
        return found.natural, ()

    def inherits(self, plan: PlanKey) -> bool:
        """Say whether a plan was another one before anything of it was filled."""
        return plan in self._inheriting

    def of_bar(self, name: str, ts_event: int) -> Cause | None:
        """Say why the bar that closed at this moment is another one, None where it is the same."""
        return self._bars.get((name, ts_event))

    def of_plan(self, plan: PlanKey, ts_event: int) -> Cause | None:
        """Say why a plan came to another quantity than in the other run."""
        own = self._own.get(plan)
        return self.of_moment(ts_event) if own is None else own

    def of_moment(self, ts_event: int) -> Cause | None:
        """Say what a difference of this moment follows from, None where nothing came before it."""
        roots = [root for root in (self.outer, self.inner) if root is not None]
        before = [root for root in roots if root.found.ts_event <= ts_event]
        return before[0].cause if before else None

    def of_kind(self, rung: Rung, natural: Cause, ts_event: int) -> Cause:
        """Say why a price, fee or payment of a moment is another, where nothing else is.

        In two simulations that parted before, it follows from that.
        """
        cause, _ = self._alone(
            Found(rung=rung, natural=natural, instrument_id="", ts_event=ts_event, seq=0, says="")
        )
        if not self._simulated or cause is Cause.CONFIGURATION:
            return cause
        return self.of_moment(ts_event) or cause


def _fees_differ(a: Told, b: Told) -> bool:
    """Say whether the first entries that both runs filled were charged otherwise."""
    pairs = ((each.a, each.b) for each in matched_orders(a, b) if each.either.role == "entry")
    both = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    return any(not same_charge(ours, ours.fee, theirs, theirs.fee) for ours, theirs in both[:10])
