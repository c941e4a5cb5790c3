"""Where the model bundle lies that a setting names."""

import re
from pathlib import Path
from typing import Final

from morningstar_strategy.model.channels import read_channels

__all__ = ["BUNDLES", "SHIPPED", "bundle_folder", "shipped_intervals"]

BUNDLES: Final = "bundles"  # the folder of a registry that holds its models
SHIPPED: Final = Path(__file__).parent / "bundles"  # one bundle per interval comes with the package
_MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def bundle_folder(name: str, *, interval: str, registry: Path, shipped: Path = SHIPPED) -> Path:
    """Give the folder of the bundle called `default`, `champion`, by its name in the registry, or
    the folder itself.

    Raises ValueError saying in one sentence why there is none.
    """
    match name:
        case "default":
            return _default(interval, shipped)
        case "champion":
            return _champion(interval, registry)
        case _:
            return _named(name, registry)


def shipped_intervals(shipped: Path = SHIPPED) -> tuple[str, ...]:
    """List the intervals that a bundle ships for."""
    return tuple(sorted(path.parent.name for path in shipped.glob(f"*/{_MANIFEST}")))


def _default(interval: str, shipped: Path) -> Path:
    intervals = shipped_intervals(shipped)
    if interval in intervals:
        return shipped / interval
    told = f"only for {', '.join(intervals)}" if intervals else "for no interval at all"
    raise ValueError(
        f"no default bundle ships for interval {interval}, {told}: train one, or set "
        "predictor.kind=baseline"
    )


def _champion(interval: str, registry: Path) -> Path:
    champion = read_channels(registry).of(interval).champion
    if champion is None:
        raise ValueError(f"registry {registry} has no champion for interval {interval}")
    folder = registry / BUNDLES / champion
    if not (folder / _MANIFEST).is_file():
        raise ValueError(f"champion {champion} for interval {interval} is missing in {registry}")
    return folder


def _named(name: str, registry: Path) -> Path:
    inside = registry / BUNDLES / name
    if _NAME.fullmatch(name) and (inside / _MANIFEST).is_file():
        return inside
    if name and (Path(name) / _MANIFEST).is_file():
        return Path(name)
    raise ValueError(
        f"bundle must be default, champion, a name in {registry} or a folder with a {_MANIFEST}, "
        f"was {name!r}"
    )
