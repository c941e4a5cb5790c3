"""Writes a comparison as JSON values."""

from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.settings import Changed
from morningstar_strategy.core.divergence.values import Difference, RungResult, Side
from morningstar_strategy.core.records import Value

__all__ = ["to_dict"]


def to_dict(divergence: Divergence) -> dict[str, Value]:
    """Write a comparison as JSON values; money is exact text, times are UNIX nanoseconds."""
    first = divergence.first
    bridge = divergence.bridge
    return {
        "same": divergence.same,
        "first": None if first is None else first.value,
        "a": _side(divergence.a),
        "b": _side(divergence.b),
        "notes": list(divergence.notes),
        "ladder": [_rung(rung) for rung in divergence.rungs],
        "differences": [_difference(each) for each in divergence.differences],
        "settings": [_changed(each) for each in divergence.settings],
        "versions": [_changed(each) for each in divergence.versions],
        "bridge": {
            "currency": bridge.currency,
            "start": f"{bridge.start:f}",
            "contributions": [
                {"cause": part.label, "amount": f"{part.amount:f}"} for part in bridge.contributions
            ],
            "end": f"{bridge.end:f}",
        },
    }


def _side(side: Side) -> dict[str, Value]:
    return {
        "name": side.name,
        "start_ns": side.start_ns,
        "end_ns": side.end_ns,
        "simulated": side.simulated,
        "bars_from": side.bars_from,
    }


def _rung(rung: RungResult) -> dict[str, Value]:
    return {
        "rung": rung.rung.value,
        "standing": rung.standing.value,
        "compared": rung.compared,
        "differing": rung.differing,
        "outside_a": rung.outside_a,
        "outside_b": rung.outside_b,
        "says": rung.says,
    }


def _difference(each: Difference) -> dict[str, Value]:
    return {
        "rung": each.rung.value,
        "cause": each.cause.value,
        "instrument_id": each.instrument_id,
        "ts_event": each.ts_event,
        "says": each.says,
        "keys": list(each.keys),
    }


def _changed(each: Changed) -> dict[str, Value]:
    return {"key": each.key, "a": each.a, "b": each.b}
