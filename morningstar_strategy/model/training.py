"""Train, judge and publish a model: `python -m morningstar_strategy.model.training --config FILE`.

With `--evaluate BUNDLE` nothing is published: the numbers of a bundle's card are taken again.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from morningstar_strategy.model.learning.recipe import Recipe, load_recipe
from morningstar_strategy.model.terminal import TrainingProgress

if TYPE_CHECKING:
    from morningstar_strategy.model.reproduction import Reproduction
    from morningstar_strategy.model.workshop import Trained

_DEFAULT: Final = Path("config/train.yaml")
_MISSING: Final = "training needs the extra [train]: pip install 'morningstar-strategy[train]'"


def main(argv: Sequence[str] | None = None) -> int:
    """Train or evaluate; 1 where an evaluation does not reproduce, 2 for what cannot be run."""
    args = _parse(argv)
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads or 1))  # before numeric libraries
    try:
        with TrainingProgress(quiet=args.json) as progress:
            if args.evaluate is not None:
                return _evaluate(args, progress)
            return _train(args, progress)
    except (ValueError, OSError) as e:  # SettingsError and BundleError among them
        print(f"error: {e}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as e:
        print(f"error: {_MISSING} ({e.name} is not installed)", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the quarters that were finished are kept", file=sys.stderr)
        return 130


def _train(args: argparse.Namespace, progress: TrainingProgress) -> int:
    recipe = _with_machine(load_recipe(args.config, overrides=args.set), args)
    from morningstar_strategy.model.workshop import train

    made = train(recipe, created=datetime.now(UTC), progress=progress.show)
    progress.stop()
    if args.json:
        print(json.dumps([trained.document() for trained in made], sort_keys=True))
        return 0
    for trained in made:
        _print_trained(trained)
    return 0


def _evaluate(args: argparse.Namespace, progress: TrainingProgress) -> int:
    from morningstar_strategy.model.reproduction import recipe_of, reproduce

    with tempfile.TemporaryDirectory() as anew:  # what a training left behind proves nothing
        overrides = (f"work={anew}", *args.set)
        recipe = _with_machine(recipe_of(args.evaluate, overrides=overrides), args)
        found = reproduce(args.evaluate, recipe, progress=progress.show)
    progress.stop()
    if args.json:
        print(json.dumps(found.document(), sort_keys=True))
    else:
        _print_reproduction(found)
    return 0 if found.holds else 1


def _with_machine(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    given = {"threads": args.threads, "device": args.device}
    told = {name: value for name, value in given.items() if value is not None}
    return Recipe.model_validate({**recipe.model_dump(), **told})


def _print_trained(trained: "Trained") -> None:
    from morningstar_strategy.model.terminal import metrics_table

    console = Console()
    manifest = trained.manifest
    console.print(f"direction_edge: {manifest.direction_edge}", style="bold")
    for sentence in manifest.plain_words:
        console.print(f"· {sentence}")
    console.print(metrics_table(manifest.metrics, family=manifest.family))
    console.print(f"Bundle: {trained.folder} ({trained.role})", soft_wrap=True)
    console.print(f"Card:   {trained.page}", soft_wrap=True)


def _print_reproduction(found: "Reproduction") -> None:
    from morningstar_strategy.model.terminal import reproduction_tables

    console = Console()
    for table in reproduction_tables(found):
        console.print(table)
    console.print(found.verdict, style="bold")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m morningstar_strategy.model.training",
        description="Train every family quarter by quarter, judge them, and publish a bundle.",
        epilog="Exit code 0: done. 1: an evaluation does not reproduce the card. 2: cannot be run.",
    )
    parser.add_argument("--config", type=Path, default=_DEFAULT, help=f"recipe ({_DEFAULT})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="override one setting of the recipe, C is YAML; may be given more than once",
    )
    parser.add_argument(
        "--evaluate", type=Path, metavar="BUNDLE", help="take the numbers of its card again"
    )
    parser.add_argument(
        "--threads", type=int, choices=range(1, 65), metavar="N", help="1 to 64 (default 1)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), help="for the network")
    parser.add_argument("--json", action="store_true", help="print the result as JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
