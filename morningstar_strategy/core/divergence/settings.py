"""Which settings and versions of two runs differ, and what each of them can have an effect on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from morningstar_strategy.core.divergence.values import RUNGS, Cause, Rung, Side
from morningstar_strategy.core.records import Value

__all__ = ["Changed", "changed_settings", "changed_versions", "flat"]

_NOWHERE: Final[tuple[Rung, ...]] = ()
_EXECUTION: Final = (Rung.ORDERS, Rung.FILLS, Rung.EQUITY)
_STATE: Final = (Rung.COMMANDS, Rung.RULINGS, *_EXECUTION)
# The longest beginning of a key that stands here says what the setting has a direct effect on
_EFFECTS: Final[Mapping[str, tuple[Rung, ...]]] = {
    "": RUNGS,
    "mode": _NOWHERE,
    "capital": (Rung.COMMANDS, Rung.RULINGS, Rung.EQUITY),
    "currency": (Rung.EQUITY,),
    "runs": _NOWHERE,
    "data": (Rung.PREDICTIONS, *_STATE),
    "data.interval": RUNGS,
    "data.end": _NOWHERE,  # what is beyond it is outside the run's time
    "data.catalog": _NOWHERE,  # what is in it is compared, not where it lies
    "data.externals": (Rung.PREDICTIONS, Rung.REVIEWS),
    "data.feeds": (Rung.REVIEWS,),
    "predictor": (Rung.PREDICTIONS,),
    "predictor.cache": _NOWHERE,
    "predictor.threads": _NOWHERE,
    "predictor.registry": _NOWHERE,
    "predictor.shadows": _NOWHERE,
    "supervisor": (Rung.REVIEWS,),
    "supervisor.tape": _NOWHERE,  # what it answers is compared
    "supervisor.workers": _NOWHERE,
    "decision": (Rung.COMMANDS,),
    "decision.cooldown_secs": (Rung.RULINGS,),
    "decision.entry_expiry_secs": (Rung.COMMANDS, Rung.ORDERS),
    "risk": (Rung.RULINGS,),
    "risk.observe_every_secs": (Rung.RULINGS, Rung.EQUITY),
    "venue.maker_fee_percent": (Rung.COMMANDS, Rung.RULINGS, Rung.FILLS),
    "venue.taker_fee_percent": (Rung.COMMANDS, Rung.RULINGS, Rung.FILLS),
    "venue.slippage_percent": (Rung.COMMANDS, Rung.RULINGS, Rung.FILLS),
    "venue.latency_ms": (Rung.ORDERS, Rung.FILLS),
    "venue.leverage": (Rung.RULINGS, Rung.ORDERS),
    "venue.funding": (Rung.EQUITY,),
    "journal": _NOWHERE,
    "report": _NOWHERE,
    "monitoring": _NOWHERE,
    "node": _NOWHERE,
    "node.speed": _STATE,
    "node.at_stop": _EXECUTION,
    "node.exchange": _EXECUTION,
}
# Of what a venue does, a setting explains no more than it is about
_KINDS: Final[Mapping[str, frozenset[Cause]]] = {
    "venue.maker_fee_percent": frozenset({Cause.FEE}),
    "venue.taker_fee_percent": frozenset({Cause.FEE}),
    "venue.slippage_percent": frozenset({Cause.PRICE}),
    "venue.latency_ms": frozenset({Cause.LATENCY, Cause.PRICE, Cause.MISSING_FILL}),
    "venue.funding": frozenset({Cause.FUNDING}),
    "capital": frozenset({Cause.RISK_STATE}),
}
_TAPED: Final = "tape"  # stands for whoever was recorded on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A setting or version that differs, as each run has it, and the rungs it can touch."""

    key: str
    a: str
    b: str
    rungs: tuple[Rung, ...]

    def explains(self, rung: Rung, natural: Cause) -> bool:
        """Say whether it can be why a rung differs in this way."""
        if rung not in self.rungs:
            return False
        kinds = _KINDS.get(self.key)
        return kinds is None or rung not in _EXECUTION or natural in kinds

    @property
    def said(self) -> str:
        """Give the key with both values."""
        return f"{self.key}: {self.a} → {self.b}"


def flat(tree: Mapping[str, object], beginning: str = "") -> dict[str, Value]:
    """Flatten nested settings to keys such as risk.max_risk_percent; lists stay whole."""
    found: dict[str, Value] = {}
    for name, value in tree.items():
        key = f"{beginning}{name}"
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{key}."))
        else:
            found[key] = _plain(value)
    return found


def _plain(value: object) -> Value:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_plain(item) for item in value]
        case Mapping():
            return {f"{name}": _plain(below) for name, below in value.items()}
        case _:
            return f"{value}"


def changed_settings(a: Side, b: Side) -> tuple[Changed, ...]:
    """List the settings that differ; none where a run tells no settings."""
    if not (a.settings and b.settings):
        return ()
    keys = sorted({*a.settings, *b.settings})
    return tuple(
        Changed(key=key, a=_said(a, key), b=_said(b, key), rungs=_effects(key))
        for key in keys
        if a.settings.get(key) != b.settings.get(key) and not _merely_taped(key, a, b)
    )


def _merely_taped(key: str, a: Side, b: Side) -> bool:
    """Say whether one run replays on a tape what a supervisor said in the other."""
    if key != "supervisor.source":
        return False
    sources = {a.settings.get(key), b.settings.get(key)}
    return _TAPED in sources and "off" not in sources


def _effects(key: str) -> tuple[Rung, ...]:
    parts = key.split(".")
    for count in range(len(parts), 0, -1):
        effects = _EFFECTS.get(".".join(parts[:count]))
        if effects is not None:
            return effects
    return _EFFECTS[""]


def _said(side: Side, key: str) -> str:
    if key not in side.settings:
        return "not told"
    value = side.settings[key]
    return "null" if value is None else f"{value}"


def changed_versions(a: Side, b: Side) -> tuple[Changed, ...]:
    """List the versions of code and libraries that differ, of those that both runs tell."""
    return tuple(
        Changed(key=key, a=a.versions[key][:12], b=b.versions[key][:12], rungs=RUNGS[1:])
        for key in sorted({*a.versions} & {*b.versions})
        if a.versions[key] != b.versions[key]
    )
