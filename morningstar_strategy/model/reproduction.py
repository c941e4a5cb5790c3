"""Takes the numbers of a bundle's card again, and scores it on bars it has never been judged on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.model.bundle import MorningstarModel
from morningstar_strategy.model.heads import Float32Array, Forecast, forecast_of
from morningstar_strategy.model.judging.evaluation import Evaluation, Metric, evaluate
from morningstar_strategy.model.learning import baselines, dataset
from morningstar_strategy.model.learning.out_of_sample import OutOfSample
from morningstar_strategy.model.learning.recipe import Recipe
from morningstar_strategy.model.learning.walkforward import Walk
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.material import Material
from morningstar_strategy.model.publishing import served_words, spans
from morningstar_strategy.model.workshop import (
    judged,
    learn,
    learning_code_sha256,
    load_material,
)
from morningstar_strategy.tree import SettingsError, Tree, override, sentence

__all__ = ["Reproduction", "Taken", "recipe_of", "reproduce"]

type Progress = Callable[[str, float], None]

_MOST: Final = 0.01  # of a tolerance, whatever a manifest states
_FRESH: Final = "fresh"
_BLOCK: Final = 4096  # rows that are asked about at once
_NUMBERS: Final = {
    "value": "",
    "baseline_value": ", the baseline's",
    "skill_percent": ", skill in percent",
    "t": ", t",
}
_ELSEWHERE: Final = ("catalog", "work", "threads", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One number of the card beside the same number now."""

    name: str
    card: float
    now: float

    @property
    def difference(self) -> float:
        """Give how far apart they are, relative to the card's where that is above one."""
        return abs(self.now - self.card) / max(1.0, abs(self.card))


_NOTHING: Final = Taken(name="no number", card=0.0, now=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What of a card could be taken again.

    `served` is the largest difference between what the bundle itself forecasts of the rows after
    its training and what was judged; `fresh` scores the bundle on bars after those of the card.
    """

    model_id: str
    tolerance: float
    same_code: bool
    claims: tuple[str, ...]  # of the manifest that are not what was found
    taken: tuple[Taken, ...]
    served: float
    fresh: Evaluation | None

    @property
    def worst(self) -> Taken:
        """Give the number that is farthest from the card's."""
        return max(self.taken, key=lambda each: each.difference, default=_NOTHING)

    @property
    def holds(self) -> bool:
        """Say whether every number is reproduced within the stated tolerance."""
        largest = max(self.worst.difference, self.served)
        return not self.claims and largest <= min(self.tolerance, _MOST)

    @property
    def verdict(self) -> str:
        """Say it in one sentence."""
        count, most = len(self.taken), max(self.worst.difference, self.served)
        if self.claims:
            return f"The manifest of {self.model_id} is not what was found: {self.claims[0]}."
        if self.holds:
            by = "" if self.same_code else ", by other code than the card's"
            return (
                f"All {count} losses, skills and t of the card of {self.model_id} are reproduced "
                f"within {self.tolerance:g}{by}; the largest difference was {most:.2g}."
            )
        return (
            f"The card of {self.model_id} is not reproduced: {self.worst.name} was "
            f"{self.worst.card:.6g}, is {self.worst.now:.6g}; served forecasts differ by up to "
            f"{self.served:.2g}, allowed are {self.tolerance:g}."
        )

    def document(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "model_id": self.model_id,
            "holds": self.holds,
            "verdict": self.verdict,
            "tolerance": self.tolerance,
            "same_code": self.same_code,
            "claims": list(self.claims),
            "served_difference": self.served,
            "metrics": [
                {"name": each.name, "card": each.card, "now": each.now} for each in self.taken
            ],
            "fresh": None if self.fresh is None else self.fresh.model_dump(mode="json"),
        }


def recipe_of(folder: Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe that a bundle was made by; only places and machine may be overridden.

    Raises BundleError for what is no sound bundle and SettingsError for another override.
    """
    manifest = MorningstarModel(folder).manifest
    tree: Tree = {**manifest.recipe, "data_licence": manifest.data_licence}
    for each in overrides:
        if each.partition("=")[0].strip() not in _ELSEWHERE:
            raise SettingsError(
                f"--set of an evaluation must be one of {', '.join(_ELSEWHERE)}, was {each!r}"
            )
        override(tree, each)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as e:
        raise SettingsError(f"recipe of {folder.name}: {sentence(e)}") from e


def reproduce(folder: Path, recipe: Recipe, *, progress: Progress) -> Reproduction:
    """Train and judge again as the card says, and compare every number with it.

    Raises ValueError where the catalog does not hold the very bars that the card was made from.
    """
    model = MorningstarModel(folder, threads=recipe.threads)
    manifest = model.manifest
    material = load_material(recipe, progress)
    if (had := material.panel.data_sha256) != manifest.data_sha256:
        what = "bars and series from outside" if recipe.outside else "bars"
        raise ValueError(
            f"{what} of catalog {recipe.catalog} must be those of the card, with hash "
            f"{manifest.data_sha256[:12]}, had {had[:12]}"
        )
    walked = learn(recipe, material, progress)
    evaluation = judged(recipe, walked, manifest.family, trials=manifest.trials)
    return Reproduction(
        model_id=manifest.model_id,
        tolerance=manifest.tolerance,
        claims=tuple(_claims(manifest, recipe, walked, evaluation)),
        same_code=manifest.code_sha256 == learning_code_sha256(outside=bool(recipe.outside)),
        taken=_taken(manifest, evaluation.metrics),
        served=_served(model, walked, material),
        fresh=_fresh(model, recipe, walked, progress),
    )


def _claims(
    manifest: Manifest, recipe: Recipe, walked: Walk, evaluation: Evaluation
) -> Iterator[str]:
    """Name what the manifest states beside its numbers and is not so."""
    words = served_words(evaluation, recipe)
    trained, tested = spans(walked)
    for name, told, found in (
        ("direction_edge", manifest.direction_edge, evaluation.direction_edge),
        ("plain_words", manifest.plain_words, words),
        ("trials", manifest.trials, evaluation.economics.trials),
        ("train_end", manifest.train_end, trained.end),
        ("test_end", manifest.test_end, tested.end),
        ("metrics", {_key(m) for m in manifest.metrics}, {_key(m) for m in evaluation.metrics}),
    ):
        if told != found:
            yield f"{name} must be {found!r:.200}, was {told!r:.200}"


def _key(metric: Metric) -> tuple[str, str, str, str]:
    return metric.family, metric.head, metric.name, metric.baseline


def _taken(manifest: Manifest, metrics: Sequence[Metric]) -> tuple[Taken, ...]:
    now = {_key(metric): metric for metric in metrics}
    found = []
    for card in manifest.metrics:
        name = f"{card.family} {card.head} {card.name} against {card.baseline}"
        again = now.get(_key(card))
        if again is None:
            continue  # told among the claims
        found += [
            Taken(name=f"{name}{what}", card=getattr(card, field), now=getattr(again, field))
            for field, what in _NUMBERS.items()
        ]
    return tuple(found)


def _served(model: MorningstarModel, walked: Walk, material: Material) -> float:
    """Ask the bundle itself about the last quarter and compare with what was judged.

    A bundle that serves even odds of direction is compared on everything else.
    """
    last = walked.oos.fold == len(walked.oos.folds) - 1
    asked = _ask(model, material, walked.oos.rows[last])
    judged_on = walked.oos.families[model.manifest.family].take(last)
    _, slope = model.manifest.calibration["direction"]
    heads = [item.name for item in fields(Forecast) if item.name != "direction" or slope > 0.0]
    return max(
        float(np.max(np.abs(getattr(asked, head) - getattr(judged_on, head)))) for head in heads
    )


def _ask(model: MorningstarModel, material: Material, rows: IntArray) -> Forecast:
    parts: dict[str, list[Float32Array]] = {}
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        bars = dataset.windows(material.panel, block, model.manifest.window)
        beside = material.beside(block) if model.manifest.outside else {}
        for name, output in model.predict({"bars": bars, **beside}).items():
            parts.setdefault(name, []).append(output)
    return forecast_of({name: np.concatenate(outputs) for name, outputs in parts.items()})


def _fresh(
    model: MorningstarModel, recipe: Recipe, walked: Walk, progress: Progress
) -> Evaluation | None:
    """Score the bundle on bars that came after those of its card, None where there are none."""
    manifest = model.manifest
    material = load_material(recipe, progress, to_the_end=True)
    panel = material.panel
    rows = dataset.usable(panel, manifest.window)
    seen_ns = int(walked.panel.ts_event[walked.oos.rows].max())
    rows = rows[panel.ts_event[rows] > seen_ns]
    if not len(rows):
        return None
    simple = baselines.fit(walked.panel, walked.train_rows, recipe.labels)
    oos = OutOfSample(
        rows=rows,
        fold=np.zeros(len(rows), np.int16),
        folds=(_FRESH,),
        reference=baselines.forecast(panel, rows, simple),
        ewma=baselines.ewma(panel, rows),
        turbulent=baselines.targets(panel, rows, simple).turbulent,
        families={manifest.family: _ask(model, material, rows)},
    )
    cost = recipe.cost_percent / 100.0
    return evaluate(
        panel, oos, champion=manifest.family, cost=cost, trials=manifest.trials, seed=recipe.seed
    )
