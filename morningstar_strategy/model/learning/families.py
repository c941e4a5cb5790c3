"""The families a model can be of, by name."""

from collections.abc import Callable
from typing import Final

from morningstar_strategy.model.learning.tasks import Family, Recipe

__all__ = ["FAMILIES", "family"]

FAMILIES: Final = ("gbm", "hybrid", "mlp", "logistic")
_NETWORKS: Final[dict[str, Recipe]] = {
    "hybrid": {"encoder": "cnn_gru"},
    "mlp": {"encoder": "mlp", "window": 1},  # the ablation: what is the sequence worth?
}


def family(name: str, options: Recipe) -> Family:
    """Return the family of that name with some of its settings replaced.

    Only the libraries of that family are imported. Raises ValueError for an unknown name or option.
    """
    match name:
        case "gbm":
            from morningstar_strategy.model.learning.gbm import GbmFamily

            return _configured(name, GbmFamily, options)
        case "logistic":
            from morningstar_strategy.model.learning.linear import LogisticFamily

            return _configured(name, LogisticFamily, options)
        case "hybrid" | "mlp":
            from morningstar_strategy.model.learning.hybrid import HybridFamily

            return _configured(name, HybridFamily, {"name": name, **_NETWORKS[name], **options})
        case _:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, was {name}")


def _configured(name: str, make: Callable[..., Family], options: Recipe) -> Family:
    try:
        return make(**options)
    except TypeError as e:
        raise ValueError(f"options of family {name} must be its settings: {e}") from e
