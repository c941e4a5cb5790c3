"""The house stands as its document says."""

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from morningstar_strategy.model.learning.recipe import load_recipe
from morningstar_strategy.settings.load import load_settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("morningstar_strategy", "adapters", "catalog", "reports", "backtests", "live")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST = 400  # lines of a source file


def test_only_the_gate_builds_an_approval() -> None:
    builders = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Approved"
    ]
    assert set(builders) == {"morningstar_strategy/core/risk.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.name)
def test_every_settings_file_loads(path: Path) -> None:
    load_recipe(path) if path.stem.startswith("train") else load_settings(path)


def _declared(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return set(ast.literal_eval(value))
    return None


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_a_module_declares_public_exists(path: Path) -> None:
    declared = _declared(ast.parse(path.read_text(encoding="utf-8")))
    if declared is None:
        return
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("adapters.")
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert {name for name in declared if not hasattr(module, name)} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_source_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("folder", ["catalog", "reports", "backtests", "live"])
def test_no_installed_distribution_owns_a_folder_of_the_application(folder: str) -> None:
    owners = set(importlib.metadata.packages_distributions().get(folder, []))
    assert owners <= {"morningstar-strategy"}


@pytest.mark.parametrize("folder", ["catalog", "reports", "backtests", "benchmarks", "live"])
def test_no_script_folder_shadows_a_module(folder: str) -> None:
    # A script's own folder comes first on the path, so `statistics.py` there would hide the real
    taken = sys.stdlib_module_names | set(importlib.metadata.packages_distributions())
    stems = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert stems & taken == set()


def test_importing_the_strategy_does_not_import_torch() -> None:
    code = (
        "import sys, morningstar_strategy.strategy, morningstar_strategy.settings.wiring;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
