"""Fitting the network: it learns, it repeats itself, it exports what it averaged."""

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from morningstar_strategy.core.features import NAMES, index_of
from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning import exported, fitting, graphs
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, Baselines, Targets
from morningstar_strategy.model.learning.dataset import Panel, windows
from morningstar_strategy.model.learning.fitting import Truth, WeightAverage
from morningstar_strategy.model.learning.hybrid import HybridFamily
from morningstar_strategy.model.learning.hybrid_settings import Alternative, scale_of
from morningstar_strategy.model.learning.labels import Labels
from morningstar_strategy.model.learning.network import EnhancedHybridModel
from morningstar_strategy.model.learning.tasks import FitTask

COUNT: Final = 2_600
WINDOW: Final = 8
HOUR: Final = 3_600_000_000_000
SMALL: Final = HybridFamily(window=WINDOW, epochs=2, batch=64, learning_rate=5e-3)
MLP: Final = HybridFamily(
    name="mlp", encoder="mlp", window=1, epochs=2, batch=64, learning_rate=5e-3
)


def toy(*, rows: np.ndarray[Any, np.dtype[np.int64]] | None = None, seed: int = 5) -> FitTask:
    """Give a panel in which two features foretell everything but the direction."""
    rng = np.random.default_rng(7)
    features = rng.normal(0.0, 1.0, (COUNT, len(NAMES))).astype(np.float32)
    rows = np.arange(100, 2_100) if rows is None else rows
    likely, loud = features[:, index_of("rsi_14")], features[:, index_of("macd")]
    touch = (rng.random(COUNT) < 1.0 / (1.0 + np.exp(-2.0 * likely))).astype(np.int8)
    up = np.where(touch == 1, rng.integers(0, 2, COUNT), -1).astype(np.int8)
    har = np.array([0.5, 0.1, 0.1, 0.1, -8.0])
    base = features[:, HAR_COLUMNS] @ har[:-1] + har[-1]
    targets = Targets(
        touch=touch,
        up=up,
        ln_rv=base + 0.7 * loud + rng.normal(0.0, 0.3, COUNT),
        turbulent=(loud + rng.normal(0.0, 0.5, COUNT) > 0.8).astype(np.int8),
        mfe=np.exp(0.5 * loud) * rng.gamma(2.0, 0.5, COUNT),
        mae=np.exp(0.5 * loud) * rng.gamma(2.0, 0.5, COUNT),
    ).take(rows)
    return FitTask(
        panel=panel_of(features),
        rows=rows,
        targets=targets,
        baselines=Baselines(
            touch=float(targets.touch.mean()),
            direction=0.5,
            har=har,
            turbulent_threshold=np.ones(1),
            turbulent_after=np.array([0.1, 0.5]),
            turbulent=float(targets.turbulent.mean()),
            mfe_q=np.quantile(targets.mfe, (0.25, 0.5, 0.75, 0.9)),
            mae_q=np.quantile(targets.mae, (0.25, 0.5, 0.75, 0.9)),
        ),
        seed=seed,
    )


def panel_of(features: Float32Array) -> Panel:
    """Wrap features; the labels are those of the task."""
    count = len(features)
    zeros, stamps = np.zeros(count), np.arange(1, count + 1, dtype=np.int64) * HOUR
    return Panel(
        instruments=("TOY",),
        interval_ns=HOUR,
        horizon=24,
        features=features,
        instrument=np.zeros(count, np.int16),
        ts_event=stamps,
        close=zeros + 100.0,
        age=np.arange(1, count + 1, dtype=np.int32),
        labels=Labels(
            touch=np.zeros(count, np.int8),
            up=np.full(count, -1, np.int8),
            hit=np.full(count, 24, np.int32),
            t_end=stamps + 96 * HOUR,
            valid=np.ones(count, np.bool_),
            **{
                name: zeros.copy()
                for name in ("ret", "rv", "rv_long", "rv_past", "mfe", "mae", "scale", "barrier")
            },
        ),
        data_sha256="0" * 64,
    )


def silent(_: float) -> None:
    """Hear of no progress."""


def said_by(model: EnhancedHybridModel, task: FitTask, window: int) -> dict[str, torch.Tensor]:
    """Give what a network says of the rows of a task."""
    with torch.no_grad():
        answer: dict[str, torch.Tensor] = model(
            torch.tensor(windows(task.panel, task.rows, window))
        )
    return answer


def wrong(model: EnhancedHybridModel, task: FitTask, window: int) -> float:
    """Give the loss of a network on the rows of a task."""
    truth = Truth.of(task.targets, torch.device("cpu"))
    return float(fitting.loss(said_by(model, task, window), truth, turbulent_weight=0.5))


def weights(model: EnhancedHybridModel) -> Float32Array:
    """Lay all weights in one row."""
    return torch.cat([each.detach().flatten() for each in model.parameters()]).numpy()


def run(graph: bytes, **inputs: Float32Array) -> dict[str, Float32Array]:
    """Run a graph that may have more inputs than bars."""
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    return dict(zip(RAW_OUTPUTS, session.run(list(RAW_OUTPUTS), inputs), strict=True))


@pytest.fixture(scope="module")
def trained() -> tuple[EnhancedHybridModel, EnhancedHybridModel]:
    return fitting.train(SMALL, toy(), silent)


@pytest.fixture(scope="module")
def graph() -> bytes:
    return SMALL.fit(toy(), silent)


@pytest.mark.parametrize("family", [SMALL, MLP], ids=lambda each: each.name)
def test_the_network_learns_what_can_be_learnt(family: HybridFamily) -> None:
    unseen = toy(rows=np.arange(2_100, COUNT))
    task = toy()
    start = EnhancedHybridModel(len(NAMES), family.encoder)
    start.start_from(task.baselines)

    averaged, _ = fitting.train(family, task, silent)

    assert wrong(averaged, unseen, family.window) < wrong(start, unseen, family.window) - 0.15


def test_one_seed_gives_one_network(
    trained: tuple[EnhancedHybridModel, EnhancedHybridModel],
) -> None:
    again, _ = fitting.train(SMALL, toy(), silent)
    other, _ = fitting.train(SMALL, toy(seed=6), silent)

    assert np.abs(weights(again) - weights(trained[0])).max() <= 1e-6
    assert np.abs(weights(other) - weights(trained[0])).max() > 1e-2


def test_the_graph_is_the_average_and_not_the_last_step(
    graph: bytes, trained: tuple[EnhancedHybridModel, EnhancedHybridModel]
) -> None:
    averaged, last = trained
    task = toy(rows=np.arange(2_100, COUNT))
    inputs = {"bars": windows(task.panel, task.rows, WINDOW)}

    mine, newest = (
        {name: values.numpy() for name, values in said_by(model, task, WINDOW).items()}
        for model in (averaged, last)
    )

    exported.check_parity(graph, inputs, mine)
    with pytest.raises(ValueError, match=r"^touch_logit of the graph must be the network's, was"):
        exported.check_parity(graph, inputs, newest)


def test_the_average_forgets_at_its_pace() -> None:
    model = EnhancedHybridModel(len(NAMES), "mlp")
    average = WeightAverage(model, 0.5)
    expected = weights(model).astype(np.float64)
    for step, memory in enumerate((0.1, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15, 7 / 16, 8 / 17)):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(float(step))
        average.update(model)
        expected = memory * expected + (1.0 - memory) * step
    for _ in range(3):
        average.update(model)
        expected = 0.5 * expected + 0.5 * step

    assert weights(average.model) == pytest.approx(expected, abs=1e-5)


def test_the_graph_is_bare_and_sound(graph: bytes) -> None:
    graphs.check(graph)
    model = onnx.load_model_from_string(graph)

    assert graphs.window_of(graph) == WINDOW
    assert [each.name for each in model.graph.input] == ["bars"]
    assert [each.name for each in model.graph.output] == list(RAW_OUTPUTS)
    assert len(graph) < 400_000
    assert b".py" not in graph


@pytest.mark.parametrize("batch", [1, 2, 7, 257])
def test_the_graph_says_what_the_network_says(
    batch: int, graph: bytes, trained: tuple[EnhancedHybridModel, EnhancedHybridModel]
) -> None:
    task = toy(rows=np.arange(1_000, 1_500))
    said = said_by(trained[0], task, WINDOW)

    inputs = {"bars": windows(task.panel, task.rows[:batch], WINDOW)}

    exported.check_parity(graph, inputs, {k: v[:batch].numpy() for k, v in said.items()})


def test_nothing_outside_the_windows_of_the_rows_is_learnt_from() -> None:
    task = toy(rows=np.arange(500, 1_500))
    shocked = task.panel.features.copy()
    shocked[: 500 - WINDOW + 1] = 1e6
    shocked[1_500:] = -1e6

    honest, _ = fitting.train(SMALL, task, silent)
    shaken, _ = fitting.train(SMALL, replace(task, panel=panel_of(shocked)), silent)

    assert np.array_equal(weights(honest), weights(shaken))
    assert torch.equal(honest.median, shaken.median)


def test_alternative_data_are_a_second_input_that_may_be_absent() -> None:
    task = toy()
    rng = np.random.default_rng(3)
    known = rng.random((COUNT, 2)) < 0.7
    values = np.where(known, rng.normal(5.0, 2.0, (COUNT, 2)), np.nan).astype(np.float32)
    family = replace(
        MLP, alternative=Alternative(names=("funding", "fear"), values=values, known=known)
    )

    graph = family.fit(task, silent)

    graphs.check(graph)
    bars = windows(task.panel, task.rows[:4], 1)
    masked = np.zeros((4, 2), np.float32)
    first = run(graph, bars=bars, alt=masked, alt_mask=masked)
    second = run(graph, bars=bars, alt=masked + 9.0, alt_mask=masked)
    third = run(graph, bars=bars, alt=masked + 9.0, alt_mask=masked + 1.0)
    assert all(np.array_equal(first[name], second[name]) for name in RAW_OUTPUTS)
    assert not np.array_equal(first["ln_rv"], third["ln_rv"])
    assert family.recipe["alternatives"] == "funding, fear"


def test_a_fit_is_quiet_tells_its_progress_and_leaves_no_trace(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told: list[float] = []
    before = _settings()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLP.fit(toy(), told.append)

    assert capfd.readouterr() == ("", "")
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert _settings() == before


def test_a_fit_that_is_broken_off_leaves_no_trace() -> None:
    before = _settings()

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        MLP.fit(replace(toy(), threads=torch.get_num_threads() + 1), stop)

    assert _settings() == before


def _settings() -> tuple[object, ...]:
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_rng_state().numpy().tobytes(),
        torch.backends.cudnn.allow_tf32,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        logging.getLogger("torch.onnx").level,
    )


def test_scaling_counts_only_what_is_known() -> None:
    columns = np.array([[1.0, 4.0, np.nan], [2.0, 4.0, np.nan], [3.0, 4.0, np.nan], [np.nan] * 3])

    centre, spread = scale_of(columns)

    assert centre.tolist() == [2.0, 4.0, 0.0]
    assert spread.tolist() == [1.0, 1.0, 1.0]


def test_the_recipe_rebuilds_the_family() -> None:
    recipe: dict[str, Any] = dict(MLP.recipe)  # as read from a manifest

    assert recipe.pop("alternatives") == ""
    assert HybridFamily(**recipe) == MLP


def _young(task: FitTask) -> FitTask:
    return replace(toy(rows=np.arange(3, 2_100)), seed=task.seed)


def _dead(task: FitTask) -> FitTask:
    ln_rv = task.targets.ln_rv.copy()
    ln_rv[5] = -np.inf
    return replace(task, targets=replace(task.targets, ln_rv=ln_rv))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_young, r"^age of row 3 must be at least 8, was 4$"),
        (_dead, r"^targets.ln_rv must be finite, had -inf$"),
        (lambda task: replace(task, device="abacus"), r"^device must be .*, was abacus$"),
    ],
)
def test_a_task_that_cannot_be_learnt_is_refused(
    spoil: Callable[[FitTask], FitTask], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        SMALL.fit(spoil(toy()), silent)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"encoder": "oracle"}, r"^encoder must be one of cnn_gru, mlp, was oracle$"),
        ({"window": 0}, r"^window must be an integer in \[1, 65536\], was 0$"),
        ({"epochs": 2.5}, r"^epochs must be an integer in \[1, 65536\], was 2.5$"),
        ({"learning_rate": 0.0}, r"^learning_rate must be in \[1e-09, inf\), was 0.0$"),
        ({"memory": 1.0}, r"^memory must be in \[0.0, 1.0\), was 1.0$"),
        ({"noise": float("nan")}, r"^noise must be in \[0.0, inf\), was nan$"),
    ],
)
def test_a_family_cannot_exist_wrong(setting: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        HybridFamily(**setting)


def test_alternative_data_of_another_panel_are_refused() -> None:
    other = Alternative(
        names=("funding",), values=np.ones((9, 1), np.float32), known=np.ones((9, 1), np.bool_)
    )

    with pytest.raises(ValueError, match=r"^alternative must have 2600 rows, had 9$"):
        replace(SMALL, alternative=other).fit(toy(), silent)


def test_alternative_data_must_be_finite_where_known() -> None:
    values, known = np.zeros((9, 2), np.float32), np.ones((9, 2), np.bool_)
    values[[3, 5], [0, 1]] = np.nan
    known[3, 0] = False
    sentence = r"^values must be finite where known, was nan for fear at row 5$"
    with pytest.raises(ValueError, match=sentence):
        Alternative(names=("funding", "fear"), values=values, known=known)
    known[5, 1] = False
    Alternative(names=("funding", "fear"), values=values, known=known)
