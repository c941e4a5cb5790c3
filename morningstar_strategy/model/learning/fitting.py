"""Fitting the network: fixed epochs, averaged weights, one checked ONNX graph."""

import copy
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from morningstar_strategy.model.heads import QUANTILES, RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning import exported
from morningstar_strategy.model.learning.baselines import Targets
from morningstar_strategy.model.learning.hybrid_settings import HybridSettings, scale_of
from morningstar_strategy.model.learning.network import EnhancedHybridModel
from morningstar_strategy.model.learning.tasks import FitTask

__all__ = ["Truth", "WeightAverage", "export", "fit", "loss", "train"]

type Outputs = dict[str, Float32Array]

_OPSET: Final = 20
_FARTHEST: Final = 6.0  # ln ratio of two variances beyond which QLIKE is not followed
_WORKSPACE: Final = "CUBLAS_WORKSPACE_CONFIG"  # without it CUDA refuses to be reproducible


def fit(family: HybridSettings, task: FitTask, progress: Callable[[float], None]) -> bytes:
    """Train, export, and compare what was exported with the network.

    Raises ValueError for rows without a full window behind them or a device that is not there.
    """
    averaged, _ = train(family, task, progress)
    graph = export(averaged, family.window)
    for inputs in exported.samples(family, task.panel, task.rows):
        exported.check_parity(graph, inputs, _answer(averaged, inputs))
    progress(1.0)
    return graph


def _answer(model: EnhancedHybridModel, inputs: Mapping[str, Float32Array]) -> Outputs:
    with torch.no_grad():
        answer = model(**{name: torch.tensor(values) for name, values in inputs.items()})
    return {name: values.numpy() for name, values in answer.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What came of N rows, where the network learns."""

    touch: Tensor  # [N], 1 or 0
    up: Tensor  # [N], 1 or 0, -1 where nothing was touched
    ln_rv: Tensor  # [N]
    turbulent: Tensor  # [N], 1 or 0
    mfe: Tensor  # [N]
    mae: Tensor  # [N]

    @classmethod
    def of(cls, targets: Targets, device: torch.device) -> "Truth":
        """Take the targets to a device."""
        columns = {item.name: getattr(targets, item.name) for item in fields(cls)}
        for name, column in columns.items():
            if not np.isfinite(column).all():
                raise ValueError(
                    f"targets.{name} must be finite, had {column[~np.isfinite(column)][0]}"
                )
        return cls(
            **{
                name: torch.tensor(column, dtype=torch.float32, device=device)
                for name, column in columns.items()
            }
        )

    def take(self, chosen: Tensor) -> "Truth":
        """Give some rows."""
        return Truth(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})


def loss(answer: dict[str, Tensor], truth: Truth, *, turbulent_weight: float) -> Tensor:
    """Add up what every head is judged by: log loss, QLIKE and pinball."""
    log_loss = functional.binary_cross_entropy_with_logits
    touch = log_loss(answer["touch_logit"], truth.touch)
    up = log_loss(answer["direction_logit"], truth.up.clamp(min=0.0), reduction="none")
    direction = (up * truth.touch).sum() / truth.touch.sum().clamp(min=1.0)
    surprise = (truth.ln_rv - answer["ln_rv"]).clamp(-_FARTHEST, _FARTHEST)
    qlike = (torch.exp(surprise) - surprise - 1.0).mean()
    turbulent = log_loss(answer["turbulent_logit"], truth.turbulent)
    pinball = _pinball(answer["mfe_q"], truth.mfe) + _pinball(answer["mae_q"], truth.mae)
    return touch + direction + qlike + turbulent_weight * turbulent + pinball


def _pinball(quantiles: Tensor, reached: Tensor) -> Tensor:
    levels = torch.tensor(QUANTILES, device=quantiles.device)
    above = reached[:, None] - quantiles
    return torch.maximum(levels * above, (levels - 1.0) * above).mean()


class WeightAverage:
    """Follow a network's weights by an exponential average, which forgets its beginning faster."""

    def __init__(self, model: EnhancedHybridModel, memory: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
        self._memory = memory
        self._updates = 0

    def update(self, model: EnhancedHybridModel) -> None:
        """Move towards the weights of a network."""
        self._updates += 1
        memory = min(self._memory, self._updates / (self._updates + 9))
        with torch.no_grad():
            for mine, other in zip(self.model.parameters(), model.parameters(), strict=True):
                mine.lerp_(other, 1.0 - memory)


def train(
    family: HybridSettings, task: FitTask, progress: Callable[[float], None]
) -> tuple[EnhancedHybridModel, EnhancedHybridModel]:
    """Return the averaged network, which is the result, and the one it averages, both on the CPU.

    All chance comes from one generator of the CPU, whatever the device.
    """
    device = _device(task.device)
    with _reproducible(task.threads, task.seed):
        drawn = torch.Generator().manual_seed(task.seed)
        model = _untrained(family, task).to(device)
        average = WeightAverage(model, family.memory)
        for dropout in model.dropouts():
            dropout.generator = drawn
        feed = _Feed(family, task, model, drawn, device)
        truth = Truth.of(task.targets, device)
        per_epoch = max(1, len(task.rows) // family.batch)
        steps = family.epochs * per_epoch
        optimiser, schedule = _optimiser(family, model, steps)
        for step, chosen in enumerate(_batches(len(task.rows), per_epoch, family, drawn)):
            optimiser.zero_grad()
            answer = model.train().judge(*feed.batch(chosen))
            wrong = loss(answer, truth.take(chosen), turbulent_weight=family.turbulent_weight)
            torch.autograd.backward(wrong)
            nn.utils.clip_grad_norm_(model.parameters(), family.max_gradient)
            optimiser.step()
            schedule.step()
            average.update(model)
            progress((step + 1) / (steps + 1))
    return average.model.cpu(), model.cpu().eval()


class _Feed:
    """Cut scaled windows out of the panel, batch by batch, and blur them a little."""

    def __init__(
        self,
        family: HybridSettings,
        task: FitTask,
        model: EnhancedHybridModel,
        drawn: torch.Generator,
        device: torch.device,
    ) -> None:
        self._family, self._model, self._drawn, self._device = family, model, drawn, device
        self._features = _tensor(task.panel.features, device)
        self._rows = _tensor(task.rows, device)
        self._back = torch.arange(1 - family.window, 1, device=device)
        self._known: tuple[Tensor, Tensor] | None = None
        if family.alternative is not None:
            alternative = family.alternative
            self._known = _tensor(alternative.values, device), _tensor(alternative.known, device)

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Give what `judge` takes of some of the rows."""
        rows = self._rows[chosen.to(self._device)]
        bars = self._features.index_select(0, (rows[:, None] + self._back).flatten())
        bars = bars.view(len(rows), self._family.window, -1)
        blur = torch.randn(bars.shape, generator=self._drawn).to(self._device)
        scaled = self._model.scaled(bars) + self._family.noise * blur
        return scaled, self._model.ln_har(bars[:, -1]), *self._alternative(rows)

    def _alternative(self, rows: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if self._known is None:
            return None, None
        values, known = self._known
        lucky = torch.rand(len(rows), 1, generator=self._drawn) >= self._family.modality_dropout
        return values[rows], (known[rows] & lucky.to(self._device)).float()


def _batches(
    count: int, per_epoch: int, family: HybridSettings, drawn: torch.Generator
) -> Iterator[Tensor]:
    """Deal all rows in a new order every epoch, without the last incomplete batch."""
    for _ in range(family.epochs):
        order = torch.randperm(count, generator=drawn)
        for number in range(per_epoch):
            yield order[number * family.batch : (number + 1) * family.batch]


def _untrained(family: HybridSettings, task: FitTask) -> EnhancedHybridModel:
    """Build the network at its baselines, scaled by the train rows and nothing else."""
    young = task.panel.age[task.rows] < family.window
    if young.any():
        row = int(task.rows[np.argmax(young)])
        raise ValueError(
            f"age of row {row} must be at least {family.window}, was {task.panel.age[row]}"
        )
    alternative = family.alternative
    features = task.panel.features
    model = EnhancedHybridModel(
        features.shape[1],
        family.encoder,
        len(alternative.names) if alternative else 0,
        dropout=family.dropout,
    )
    model.start_from(task.baselines)
    model.scale_by(*scale_of(features[task.rows]))
    if alternative:
        if len(alternative.values) != len(task.panel):
            raise ValueError(
                f"alternative must have {len(task.panel)} rows, had {len(alternative.values)}"
            )
        values, known = alternative.values[task.rows], alternative.known[task.rows]
        model.scale_alternatives_by(*scale_of(np.where(known, values, np.nan)))
    return model


def _optimiser(
    family: HybridSettings, model: EnhancedHybridModel, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """Decay weights but no biases; warm up, then follow a cosine down to nothing."""
    weights = [each for each in model.parameters() if each.dim() > 1]
    biases = [each for each in model.parameters() if each.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": family.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ],
        lr=family.learning_rate,
        fused=True,
    )
    rising = max(1, round(steps * family.warm_up))

    def height(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, height)


def _device(name: str) -> torch.device:
    there = torch.cuda.is_available()
    match name:
        case "cpu":
            return torch.device("cpu")
        case "auto":
            return torch.device("cuda" if there else "cpu")
        case "cuda" if there:
            return torch.device("cuda")
        case _:
            wanted = "cpu, auto or cuda" if there else "cpu or auto, as there is no GPU"
            raise ValueError(f"device must be {wanted}, was {name}")


@contextmanager
def _reproducible(threads: int, seed: int) -> Iterator[None]:
    """Allow only operations that repeat themselves; leave no trace of it."""
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get(_WORKSPACE)
    exact = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.random.fork_rng(devices=[]), exact:
        try:
            torch.default_generator.manual_seed(seed)
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            os.environ.setdefault(_WORKSPACE, ":4096:8")
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(strict, warn_only=lenient)
            if workspace is None:
                os.environ.pop(_WORKSPACE)


def _tensor(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """Share a read-only array with the CPU, copy it to another device."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)  # only ever read


def export(model: EnhancedHybridModel, window: int) -> bytes:
    """Write a network as one raw graph for windows of that many bars and batches of any size."""
    model = copy.deepcopy(model).cpu().eval()
    example = {"bars": torch.zeros(3, window, len(model.median))}  # 1 would be taken for a constant
    if model.alternatives:
        known = torch.ones(3, model.alternatives)
        example |= {"alt": torch.zeros_like(known), "alt_mask": known}
    batch = torch.export.Dim("batch", min=1)
    with _quiet():
        program = torch.onnx.export(
            model,
            kwargs=example,
            dynamo=True,
            opset_version=_OPSET,
            input_names=list(example),
            output_names=list(RAW_OUTPUTS),
            dynamic_shapes={name: {0: batch} for name in example},
            external_data=False,
            verbose=False,
        )
    assert program is not None  # it is None only where a file was asked for
    return exported.bare(program.model_proto)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which speaks of its own future and of libraries nobody asked for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            logger.setLevel(logging.ERROR)
            yield
        finally:
            logger.setLevel(level)
