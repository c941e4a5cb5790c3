"""The network: causal convolutions, a recurrent reader and four heads above named baselines."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import QUANTILES
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, Baselines
from morningstar_strategy.model.learning.hybrid_settings import ENCODERS, EncoderName

__all__ = ["CLIP", "Dropout", "EnhancedHybridModel"]

CLIP: Final = 5.0  # scaled features end here, so that one wild bar cannot shout
_WIDTH: Final = 64  # of the trunk
_KERNEL: Final = 4
_STRIDE: Final = 2
_SMALLEST_STEP: Final = 1e-6  # between two quantiles; softplus cannot give zero


class Dropout(nn.Module):
    """Drop activations by a generator of one's own, so that every device drops the same."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None  # of the CPU; None draws from torch's own

    def forward(self, values: Tensor) -> Tensor:
        """Drop while training, pass through otherwise."""
        if not self.training or self.share == 0.0:
            return values
        kept = torch.rand(values.shape, generator=self.generator) >= self.share
        return values * kept.to(values.device) / (1.0 - self.share)


class CausalConvolution(nn.Module):
    """Convolve and halve the sequence such that the last step ends at the last bar."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, _KERNEL, stride=_STRIDE)

    def forward(self, sequence: Tensor) -> Tensor:
        """Map [B, inputs, L] to [B, outputs, L / 2 rounded up]."""
        before = _KERNEL - _STRIDE + sequence.shape[-1] % _STRIDE
        result: Tensor = self.convolution(functional.pad(sequence, (before, 0)))
        return result


class CnnGru(nn.Module):
    """Quarter the sequence, read it with a GRU, keep its last state, an average and the last bar.

    The average weighs every step by its attention.
    """

    def __init__(self, features: int, dropout: float) -> None:
        super().__init__()
        self.first = CausalConvolution(features, _WIDTH)
        self.second = CausalConvolution(_WIDTH, _WIDTH)
        self.reader = nn.GRU(_WIDTH, _WIDTH, batch_first=True)
        self.attention = nn.Linear(_WIDTH, 1)
        self.skip = nn.Linear(features, _WIDTH)
        self.dropout = Dropout(dropout)
        self.mix = nn.Linear(3 * _WIDTH, _WIDTH)

    def forward(self, scaled: Tensor) -> Tensor:
        """Map [B, L, F] to [B, width]."""
        sequence = functional.gelu(self.first(scaled.transpose(1, 2)))
        sequence = functional.gelu(self.second(sequence)).transpose(1, 2)
        states, _ = self.reader(sequence)
        pooled = (torch.softmax(self.attention(states), 1) * states).sum(1)
        last = functional.gelu(self.skip(scaled[:, -1]))
        seen = torch.cat((states[:, -1], pooled, last), -1)
        return functional.gelu(self.mix(self.dropout(seen)))


class Mlp(nn.Module):
    """Look at the last bar only: what the sequence adds is measured against this."""

    def __init__(self, features: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(features, _WIDTH)
        self.dropout = Dropout(dropout)
        self.second = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, scaled: Tensor) -> Tensor:
        """Map [B, L, F] to [B, width]."""
        hidden = self.dropout(functional.gelu(self.first(scaled[:, -1])))
        return functional.gelu(self.second(hidden))


class Head(nn.Module):
    """Add a linear view of the last bar (wide) to one of the trunk (deep), starting at zero."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.deep = nn.Linear(_WIDTH, outputs)
        self.wide = nn.Linear(features, outputs, bias=False)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, trunk: Tensor, last: Tensor) -> Tensor:
        """Map [B, width] and [B, F] to [B, outputs]."""
        result: Tensor = self.deep(trunk) + self.wide(last)
        return result


class EnhancedHybridModel(nn.Module):
    """Correct the baselines by four heads on one trunk; untrained, it is the baselines.

    Scaler, priors, HAR and train quantiles are buffers: they are part of the graph and not learnt.
    """

    median: Tensor  # [F] of the train rows
    spread: Tensor  # [F], interquartile range
    priors: Tensor  # [3] logits of touch, direction, turbulent
    har: Tensor  # [4] weights of the HAR columns
    har_intercept: Tensor  # []
    har_columns: Tensor  # [4] indices
    quantile_steps: Tensor  # [2, 4], softplus of it is the distance to the quantile before
    alt_median: Tensor  # [A]
    alt_spread: Tensor  # [A]

    def __init__(
        self,
        features: int,
        encoder: EncoderName = "cnn_gru",
        alternatives: int = 0,
        *,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, was {encoder}")
        self._register(features, alternatives)
        self.alternatives = alternatives
        self.encoder = CnnGru(features, dropout) if encoder == "cnn_gru" else Mlp(features, dropout)
        self.alternative = nn.Linear(2 * alternatives, _WIDTH) if alternatives else None
        self.signal = Head(features, 2)
        self.volatility = Head(features, 1)
        self.regime = Head(features, 1)
        self.excursion = Head(features, 2 * len(QUANTILES))

    def _register(self, features: int, alternatives: int) -> None:
        columns = list(HAR_COLUMNS)
        self.register_buffer("median", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("priors", torch.zeros(3))
        self.register_buffer("har", torch.zeros(len(columns)))
        self.register_buffer("har_intercept", torch.zeros(()))
        self.register_buffer("har_columns", torch.tensor(columns))
        self.register_buffer("quantile_steps", torch.zeros(2, len(QUANTILES)))
        self.register_buffer("alt_median", torch.zeros(alternatives))
        self.register_buffer("alt_spread", torch.ones(alternatives))

    def start_from(self, baselines: Baselines) -> None:
        """Take the baselines that the heads correct."""
        probabilities = np.array([baselines.touch, baselines.direction, baselines.turbulent])
        _fill(self.priors, np.log(probabilities / (1.0 - probabilities)))
        _fill(self.har, baselines.har[:-1])
        _fill(self.har_intercept, baselines.har[-1])
        quantiles = np.stack((baselines.mfe_q, baselines.mae_q))
        steps = np.maximum(np.diff(quantiles, prepend=0.0), _SMALLEST_STEP)
        _fill(self.quantile_steps, steps + np.log(-np.expm1(-steps)))  # the inverse of softplus

    def scale_by(self, median: FloatArray, spread: FloatArray) -> None:
        """Take the centre and the width of every feature in the train rows, both [F]."""
        _fill(self.median, median)
        _fill(self.spread, spread)

    def scale_alternatives_by(self, median: FloatArray, spread: FloatArray) -> None:
        """Take the centre and the width of every alternative value in the train rows, both [A]."""
        _fill(self.alt_median, median)
        _fill(self.alt_spread, spread)

    def dropouts(self) -> Iterator[Dropout]:
        """Give every dropout of the network."""
        return (module for module in self.modules() if isinstance(module, Dropout))

    def forward(
        self, bars: Tensor, alt: Tensor | None = None, alt_mask: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Forecast windows [B, L, F] of raw features; gives `RAW_OUTPUTS` in order.

        `alt` and `alt_mask` are [B, A]; where the mask is not positive the value is not looked at.
        """
        return self.judge(self.scaled(bars), self.ln_har(bars[:, -1]), alt, alt_mask)

    def scaled(self, bars: Tensor) -> Tensor:
        """Centre, scale and clip raw features of any leading shape."""
        return ((bars - self.median) / self.spread).clamp(-CLIP, CLIP)

    def ln_har(self, last: Tensor) -> Tensor:
        """Give ln of the realised variance by HAR, of raw vectors [B, F]."""
        weighted = last.index_select(-1, self.har_columns) * self.har
        return weighted.sum(-1) + self.har_intercept

    def judge(
        self,
        scaled: Tensor,
        ln_har: Tensor,
        alt: Tensor | None = None,
        alt_mask: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Forecast scaled windows [B, L, F] beside their HAR forecasts [B]."""
        trunk: Tensor = self.encoder(scaled)
        if self.alternative is not None:
            trunk = trunk + self.alternative(self._known(trunk, alt, alt_mask))
        last = scaled[:, -1]
        signal = self.signal(trunk, last) + self.priors[:2]
        excursion = self._quantiles(self.excursion(trunk, last))
        return {
            "touch_logit": signal[:, 0],
            "direction_logit": signal[:, 1],
            "ln_rv": ln_har + self.volatility(trunk, last)[:, 0],
            "turbulent_logit": self.regime(trunk, last)[:, 0] + self.priors[2],
            "mfe_q": excursion[:, 0],
            "mae_q": excursion[:, 1],
        }

    def _known(self, like: Tensor, alt: Tensor | None, alt_mask: Tensor | None) -> Tensor:
        """Give what is known of the alternative values, and which: [B, 2 A]."""
        if alt is None or alt_mask is None:
            return like.new_zeros((len(like), 2 * self.alternatives))
        scaled = ((alt - self.alt_median) / self.alt_spread).clamp(-CLIP, CLIP)
        known = alt_mask > 0.0
        values = torch.where(known, scaled, torch.zeros_like(scaled))  # a product would keep NaN
        return torch.cat((values, known.to(values.dtype)), -1)

    def _quantiles(self, raw: Tensor) -> Tensor:
        """Stack steps that cannot be negative, so that quantiles cannot cross: [B, 2, 4]."""
        steps = raw.reshape(-1, 2, len(QUANTILES)) + self.quantile_steps
        return torch.stack(tuple(accumulate(functional.softplus(steps).unbind(-1))), -1)


def _fill(buffer: Tensor, values: FloatArray | np.float64) -> None:
    buffer.copy_(torch.as_tensor(np.asarray(values, dtype=np.float32)))
