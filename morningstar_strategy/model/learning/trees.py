"""LightGBM boosters as one ONNX node that compares and adds exactly as they do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from morningstar_strategy.model.learning.sketch import Sketch

__all__ = ["draw_forest"]

type Node = Mapping[str, Any]  # as LightGBM's `dump_model` nests them


@dataclass(slots=True)
class _Forest:
    """The columns of a TreeEnsembleRegressor, grown tree by tree."""

    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    leaf_tree: list[int] = field(default_factory=list)
    leaf_node: list[int] = field(default_factory=list)
    leaf_target: list[int] = field(default_factory=list)
    leaf_value: list[float] = field(default_factory=list)


def draw_forest(sketch: Sketch, table: str, models: Sequence[Mapping[str, Any]]) -> str:
    """Draw the raw scores [batch, models] of boosters given as `Booster.dump_model()`.

    Thresholds are rounded down to float32: for float32 features x <= t and x <= floor(t) are the
    same, while rounding to nearest sends some rows down the other branch.
    Raises ValueError for splits other than `<=` without missing values.
    """
    forest = _Forest()
    tree = 0
    for target, model in enumerate(models):
        for grown in model["tree_info"]:
            _grow(forest, tree, target, grown["tree_structure"])
            tree += 1
    return sketch.add(
        "TreeEnsembleRegressor",
        table,
        domain="ai.onnx.ml",
        n_targets=len(models),
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=forest.tree,
        nodes_nodeids=forest.node,
        nodes_modes=forest.mode,
        nodes_featureids=forest.feature,
        nodes_values=forest.threshold,
        nodes_truenodeids=forest.left,
        nodes_falsenodeids=forest.right,
        target_treeids=forest.leaf_tree,
        target_nodeids=forest.leaf_node,
        target_ids=forest.leaf_target,
        target_weights=forest.leaf_value,
    )


def _grow(forest: _Forest, tree: int, target: int, root: Node) -> None:
    nodes = list(_preorder(root))
    number = {id(node): at for at, node in enumerate(nodes)}
    for at, node in enumerate(nodes):
        forest.tree.append(tree)
        forest.node.append(at)
        if "leaf_value" in node:
            _add_split(forest, "LEAF", 0, 0.0, 0, 0)
            forest.leaf_tree.append(tree)
            forest.leaf_node.append(at)
            forest.leaf_target.append(target)
            forest.leaf_value.append(node["leaf_value"])
            continue
        if (node["decision_type"], node["missing_type"]) != ("<=", "None"):
            raise ValueError(
                f"decision_type must be <= without missing values, was {node['decision_type']} "
                f"with {node['missing_type']}"
            )
        left, right = number[id(node["left_child"])], number[id(node["right_child"])]
        threshold = _rounded_down(node["threshold"])
        _add_split(forest, "BRANCH_LEQ", node["split_feature"], threshold, left, right)


def _add_split(
    forest: _Forest, mode: str, feature: int, threshold: float, left: int, right: int
) -> None:
    forest.mode.append(mode)
    forest.feature.append(feature)
    forest.threshold.append(threshold)
    forest.left.append(left)
    forest.right.append(right)


def _preorder(node: Node) -> Iterator[Node]:
    yield node
    if "leaf_value" not in node:
        yield from _preorder(node["left_child"])
        yield from _preorder(node["right_child"])


def _rounded_down(threshold: float) -> float:
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    # Compared as float64: numpy would round a plain float to float32 first
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
