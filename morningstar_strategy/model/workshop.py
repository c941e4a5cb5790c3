"""One training from recipe to registered bundles."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from morningstar_strategy.core import _steps, features, timeline
from morningstar_strategy.model import ahead, alternatives, heads, learning
from morningstar_strategy.model import material as materials
from morningstar_strategy.model.ahead import fit_ahead
from morningstar_strategy.model.judging.evaluation import Evaluation, evaluate
from morningstar_strategy.model.judging.trades import RULES
from morningstar_strategy.model.judging.trials import count_trials
from morningstar_strategy.model.learning import dataset
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.fold_cache import FoldCache
from morningstar_strategy.model.learning.recipe import Recipe
from morningstar_strategy.model.learning.walkforward import Walk, walk
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.material import Material, with_outside
from morningstar_strategy.model.publishing import publish_walk
from morningstar_strategy.model.registry_folder import Registry, Role, role_of
from morningstar_strategy.model.shelf import BUNDLES
from morningstar_strategy.model.sources import hash_sources

__all__ = [
    "Trained",
    "judged",
    "learn",
    "learning_code_sha256",
    "load_material",
    "resolved",
    "train",
]

type Progress = Callable[[str, float], None]

_SYNTHETIC: Final = "SYNTHETIC.json"  # what marks a generated catalog
CARDS: Final = "cards"  # the folder of a registry that holds the pages
_SHARE_OF_LEARNING: Final = 0.95
_SHARE_AHEAD: Final = 0.8  # of learning, where networks are fitted ahead of the walk
_PERCENT: Final = 100.0
# Parts of learning around a fit: none of them changes what it makes of its rows
_AROUND: Final = frozenset(("fold_cache", "out_of_sample", "recipe"))
_NOT_AN_OPTION: Final = "alternatives"  # what a network was given beside the bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A published bundle."""

    root: Path  # of the registry
    role: Role
    manifest: Manifest

    @property
    def folder(self) -> Path:
        """Give the bundle's folder."""
        return self.root / BUNDLES / self.manifest.model_id

    @property
    def page(self) -> Path:
        """Give the card with pictures."""
        return self.root / CARDS / f"{self.manifest.model_id}.html"

    def document(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "bundle": str(self.folder),
            "page": str(self.page),
            "role": self.role,
            "manifest": self.manifest.model_dump(mode="json"),
        }


def train(recipe: Recipe, *, created: datetime, progress: Progress) -> tuple[Trained, ...]:
    """Train, judge and publish the recipe's champion, then its challengers.

    Raises ValueError in one sentence for bars or settings that cannot be trained on.
    """
    recipe = resolved(recipe)
    material = load_material(recipe, progress)
    recipe = _pinned(recipe, material)
    walked = learn(recipe, material, progress)
    trials = recipe.prior_trials + count_trials(
        recipe.output,
        data_sha256=material.bars_sha256,
        recipe_sha256=recipe.digest(),
        each=len(walked.oos.families) * len(RULES),
    )
    registry = Registry(recipe.output)
    made = []
    for name in (recipe.champion, *recipe.challengers):
        progress(f"judging {name}", _SHARE_OF_LEARNING)
        manifest = publish_walk(
            recipe,
            walked,
            judged(recipe, walked, name, trials=trials),
            outside=material.outside,
            bundles=registry.bundles,
            cards=recipe.output / CARDS,
            created=created,
            code_sha256=learning_code_sha256(outside=bool(recipe.outside)),
            synthetic=(recipe.catalog / _SYNTHETIC).exists(),
        )
        # An interrupted training may have published it already, and even adopted it
        role = role_of(registry.channels(), manifest) or registry.adopt(
            manifest.model_id, at=created
        )
        made.append(Trained(root=recipe.output, role=role, manifest=manifest))
    return tuple(made)


def resolved(recipe: Recipe) -> Recipe:
    """Write every option of every family down, so that a later default changes nothing.

    Raises ValueError for an option that a family does not have.
    """
    told = {name: family(name, recipe.options.get(name, {})).recipe for name in recipe.fitted}
    options = {
        name: {option: value for option, value in fit.items() if option != _NOT_AN_OPTION}
        for name, fit in told.items()
    }
    return recipe.model_copy(update={"options": options})


def _pinned(recipe: Recipe, material: Material) -> Recipe:
    """Write down where the bars ended, so that bars added later change nothing."""
    if recipe.end is not None:
        return recipe
    last = datetime.fromtimestamp(int(material.panel.ts_event.max()) // 1_000_000_000, tz=UTC)
    return recipe.model_copy(update={"end": last})


def load_material(recipe: Recipe, progress: Progress, *, to_the_end: bool = False) -> Material:
    """Read the recipe's bars, or all that the catalog holds from its start, and its series."""
    progress("reading bars", 0.0)
    panel = dataset.load(
        recipe.catalog,
        recipe.instruments,
        recipe.interval,
        recipe.labels,
        start_ns=_nanoseconds(recipe.start),
        end_ns=None if to_the_end else _nanoseconds(recipe.end),
    )
    return with_outside(recipe, panel)


def learn(recipe: Recipe, material: Material, progress: Progress) -> Walk:
    """Walk forward by a resolved recipe, going on where an earlier run of the same stopped."""
    window = max(family(name, recipe.options[name]).window for name in recipe.fitted)
    code = learning_code_sha256(outside=material.outside is not None)
    told = (material.panel.data_sha256, code, recipe.learning_digest(), f"{window}")
    essence = "\n".join(told)
    key = hashlib.sha256(essence.encode()).hexdigest()[:16]
    if material.outside is None:
        cache, before = FoldCache(recipe.work, key), 0.0
    else:
        before = _SHARE_AHEAD
        cache = fit_ahead(
            recipe,
            material,
            recipe.work,
            key,
            lambda what, share: progress(what, share * before * _SHARE_OF_LEARNING),
        )
    return walk(
        recipe,
        material.panel,
        cache=cache,
        progress=lambda what, share: progress(
            what, (before + share * (1.0 - before)) * _SHARE_OF_LEARNING
        ),
    )


def judged(recipe: Recipe, walked: Walk, champion: str, *, trials: int) -> Evaluation:
    """Measure all families with one of them in the champion's place."""
    return evaluate(
        walked.panel,
        walked.oos,
        champion=champion,
        cost=recipe.cost_percent / _PERCENT,
        trials=trials,
        seed=recipe.seed,
    )


def learning_code_sha256(*, outside: bool = False) -> str:
    """Give the SHA-256 of the code that decides what a fit makes of some rows.

    Where series from `outside` are learnt from, that includes what joins and feeds them.
    """
    folder = Path(learning.__path__[0])
    sources = sorted(path for path in folder.glob("*.py") if path.stem not in _AROUND)
    joining = (ahead, alternatives, materials, timeline) if outside else ()
    others = (heads, _steps, features, *joining)
    return hash_sources([*sources, *(Path(str(each.__file__)) for each in others)])


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000_000
