"""Laws of the network: at rest it is the baselines, and nothing makes it say the impossible."""

from functools import cache
from typing import Final

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.features import NAMES
from morningstar_strategy.model.heads import QUANTILES, RAW_OUTPUTS
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, Baselines
from morningstar_strategy.model.learning.hybrid_settings import ENCODERS, EncoderName
from morningstar_strategy.model.learning.network import CLIP, CausalConvolution, EnhancedHybridModel

FEATURES: Final = len(NAMES)
LARGEST: Final = float(np.finfo(np.float32).max)
WINDOW: Final = 16
seeds = st.integers(0, 2**32 - 1)
encoders = st.sampled_from(ENCODERS)
shares = st.floats(0.001, 0.999)
EVEN: Final = Baselines(
    touch=0.5,
    direction=0.5,
    har=np.ones(1 + len(HAR_COLUMNS)),
    turbulent_threshold=np.ones(1),
    turbulent_after=np.array([0.1, 0.5]),
    turbulent=0.5,
    mfe_q=np.ones(len(QUANTILES)),
    mae_q=np.ones(len(QUANTILES)),
)


@st.composite
def baselines(draw: st.DrawFn) -> Baselines:
    """Draw baselines, some with quantiles that coincide."""
    steps = st.lists(st.floats(0.0, 5.0), min_size=len(QUANTILES), max_size=len(QUANTILES))
    return Baselines(
        touch=draw(shares),
        direction=draw(shares),
        har=np.random.default_rng(draw(seeds)).normal(0.0, 1.0, 1 + len(HAR_COLUMNS)),
        turbulent_threshold=np.ones(1),
        turbulent_after=np.array([0.1, 0.5]),
        turbulent=draw(shares),
        mfe_q=np.cumsum(draw(steps)),
        mae_q=np.cumsum(draw(steps)),
    )


@cache
def untrained(encoder: EncoderName) -> EnhancedHybridModel:
    """Build a network that is only ever given other baselines."""
    return EnhancedHybridModel(FEATURES, encoder).eval().requires_grad_(requires_grad=False)


@cache
def built(encoder: EncoderName, alternatives: int) -> EnhancedHybridModel:
    """Build a network once; `network` sets all that can differ."""
    model = EnhancedHybridModel(FEATURES, encoder, alternatives).eval()
    return model.requires_grad_(requires_grad=False)


def network(
    encoder: EncoderName, *, seed: int, size: float = 1.0, alternatives: int = 0
) -> EnhancedHybridModel:
    """Give a network with random weights everywhere, on top of baselines that know nothing."""
    model = built(encoder, alternatives)
    model.scale_by(np.zeros(FEATURES), np.ones(FEATURES))
    model.start_from(EVEN)
    drawn = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=size, generator=drawn)
    return model


def windows(seed: int, *, power: float = 0.0, count: int = 3) -> torch.Tensor:
    """Draw windows whose values reach up to ten to some power, or the largest number there is."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0, 1.0, (count, WINDOW, FEATURES)) * 10.0**power
    return torch.tensor(np.clip(values, -LARGEST, LARGEST), dtype=torch.float32)


@given(encoders, baselines(), seeds, st.floats(-3.0, 3.0))
def test_an_untrained_network_is_the_baselines(
    encoder: EncoderName, simple: Baselines, seed: int, power: float
) -> None:
    model = untrained(encoder)
    model.start_from(simple)
    bars = windows(seed, power=power)

    said = {name: values.double().numpy() for name, values in model(bars).items()}

    assert tuple(said) == RAW_OUTPUTS
    last = bars[:, -1].double().numpy()[:, HAR_COLUMNS]
    scale = np.abs(last) @ np.abs(simple.har[:-1]) + np.abs(simple.har[-1])
    har = last @ simple.har[:-1] + simple.har[-1]
    assert (np.abs(said["ln_rv"] - har) <= 1e-6 * scale + 1e-6).all()
    for name, prior in (
        ("touch_logit", simple.touch),
        ("direction_logit", simple.direction),
        ("turbulent_logit", simple.turbulent),
    ):
        assert 1.0 / (1.0 + np.exp(-said[name])) == pytest.approx(np.full(3, prior), abs=1e-6)
    assert said["mfe_q"] == pytest.approx(np.tile(simple.mfe_q, (3, 1)), abs=2e-5)
    assert said["mae_q"] == pytest.approx(np.tile(simple.mae_q, (3, 1)), abs=2e-5)


@given(encoders, baselines(), seeds, st.floats(-3.0, 38.5), st.floats(0.0, 3.0))
def test_quantiles_never_cross_and_logits_stay_finite(
    encoder: EncoderName, simple: Baselines, seed: int, power: float, size: float
) -> None:
    model = network(encoder, seed=seed, size=size)
    model.start_from(simple)

    said = model(windows(seed, power=power))

    for name in ("mfe_q", "mae_q"):
        assert (said[name] >= 0.0).all()
        assert (said[name].diff(dim=-1) >= 0.0).all()
    for name in ("touch_logit", "direction_logit", "turbulent_logit", "mfe_q", "mae_q"):
        assert torch.isfinite(said[name]).all()


@given(seeds, st.floats(-3.0, 38.5))
def test_scaled_features_never_leave_the_clip(seed: int, power: float) -> None:
    model = network("mlp", seed=seed)
    rng = np.random.default_rng(seed)
    model.scale_by(rng.normal(0.0, 1.0, FEATURES), rng.lognormal(0.0, 3.0, FEATURES))

    assert (model.scaled(windows(seed, power=power)).abs() <= CLIP).all()


@given(encoders, seeds, seeds)
def test_each_row_is_judged_by_its_own_window(encoder: EncoderName, seed: int, other: int) -> None:
    model = network(encoder, seed=seed, size=0.1)
    bars = windows(seed)
    crowd = torch.cat((bars[:1], windows(other, power=2.0)))

    alone, among = model(bars[:1]), model(crowd)

    for name in RAW_OUTPUTS:
        assert among[name][0].numpy() == pytest.approx(alone[name][0].numpy(), rel=1e-4, abs=1e-4)


@given(seeds, st.integers(1, 33), st.data())
def test_a_convolution_looks_back_only_and_ends_at_the_last_bar(
    seed: int, length: int, data: st.DataObject
) -> None:
    drawn = torch.Generator().manual_seed(seed)
    layer = CausalConvolution(3, 5).requires_grad_(requires_grad=False)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, generator=drawn)
    sequence = torch.randn(1, 3, length, generator=drawn)
    changed = sequence.clone()
    bar = data.draw(st.integers(0, length - 1))
    changed[:, :, bar] += 10.0

    differs = (layer(sequence) != layer(changed)).any(dim=1)[0]

    steps = (length + 1) // 2
    assert len(differs) == steps
    ends = torch.tensor([length - 1 - 2 * (steps - 1 - step) for step in range(steps)])
    assert not differs[ends < bar].any()
    assert differs[(ends >= bar) & (ends < bar + 4)].all()


@given(encoders, seeds, st.sampled_from([0.0, -7.0, 1e30, float("inf"), float("nan")]))
def test_what_is_masked_has_no_influence(encoder: EncoderName, seed: int, value: float) -> None:
    model = network(encoder, seed=seed, size=0.3, alternatives=4)
    bars, drawn = windows(seed), torch.Generator().manual_seed(seed)
    mask = (torch.rand(3, 4, generator=drawn) < 0.5).float()
    alt = torch.randn(3, 4, generator=drawn)

    said = model(bars, alt, mask)
    again = model(bars, torch.where(mask > 0.0, alt, torch.full_like(alt, value)), mask)
    nothing = model(bars, torch.full_like(alt, value), torch.zeros_like(mask))
    absent = model(bars)

    for name in RAW_OUTPUTS:
        assert torch.equal(said[name], again[name])
        assert torch.equal(nothing[name], absent[name])


def test_what_is_known_has_influence() -> None:
    model = network("cnn_gru", seed=1, size=0.1, alternatives=4)
    bars, alt = windows(1), torch.ones(3, 4)

    said, other = model(bars, alt, torch.ones(3, 4)), model(bars, -alt, torch.ones(3, 4))

    assert not torch.equal(said["ln_rv"], other["ln_rv"])


@pytest.mark.parametrize("bar", range(WINDOW))
def test_every_bar_of_the_window_reaches_the_recurrent_encoder(bar: int) -> None:
    model = network("cnn_gru", seed=2, size=0.1)
    bars = windows(2)
    changed = bars.clone()
    changed[:, bar] += 1.0

    assert (model(bars)["touch_logit"] != model(changed)["touch_logit"]).any()
