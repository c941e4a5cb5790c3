"""Examples of graphs: what finishing, averaging and running do, and what is refused."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, TensorProto, helper

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import OUTPUTS, RAW_OUTPUTS, Float32Array, forecast_of
from morningstar_strategy.model.learning import graphs
from morningstar_strategy.model.learning.calibration import Calibration, Platt
from morningstar_strategy.model.learning.sketch import SCORES, dense, raw_graph, serialized, tensor
from tests.fits import some_bars, toy, toy_model, toy_scores

CALIBRATION = Calibration(
    touch=Platt(offset=0.3, slope=0.9),
    direction=Platt(offset=-0.2, slope=0.0),
    turbulent=Platt(offset=-1.0, slope=0.5),
)


def probability(platt: Platt, logit: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-platt.offset - platt.slope * logit)))


def assert_scores(outputs: dict[str, Float32Array], scores: FloatArray) -> None:
    for index, name in enumerate(RAW_OUTPUTS[:4]):
        np.testing.assert_allclose(outputs[name], scores[:, index], atol=1e-5)
    np.testing.assert_allclose(outputs["mfe_q"], scores[:, 4:8], atol=1e-5)
    np.testing.assert_allclose(outputs["mae_q"], scores[:, 8:], atol=1e-5)


def test_a_finished_graph_says_calibrated_probabilities() -> None:
    bars = some_bars(1, 50, 3)
    scores = toy_scores(0, 3, bars)
    outputs = graphs.run(graphs.finish(toy(window=3), CALIBRATION), bars)
    touch = probability(CALIBRATION.touch, scores[:, 0])
    up = probability(CALIBRATION.direction, scores[:, 1])
    turbulent = probability(CALIBRATION.turbulent, scores[:, 3])
    signal = np.column_stack((touch * (1.0 - up), 1.0 - touch, touch * up))
    regime = np.column_stack((1.0 - turbulent, turbulent))
    assert tuple(outputs) == OUTPUTS
    np.testing.assert_allclose(outputs["signal"], signal, atol=1e-6)
    np.testing.assert_allclose(outputs["regime"], regime, atol=1e-6)
    np.testing.assert_allclose(outputs["ln_rv"], scores[:, 2], atol=1e-5)
    np.testing.assert_allclose(outputs["mfe_q"], scores[:, 4:8], atol=1e-5)
    np.testing.assert_allclose(forecast_of(outputs).direction, up, atol=1e-5)


def test_the_mean_of_two_graphs_is_the_mean_of_what_they_say() -> None:
    bars = some_bars(2, 50, 4)
    outputs = graphs.run_raw(graphs.mean(toy(1, 4), toy(2, 4)), bars)
    assert_scores(outputs, (toy_scores(1, 4, bars) + toy_scores(2, 4, bars)) / 2.0)


@pytest.mark.parametrize("windows", [(1, 6), (6, 1), (3, 2)])
def test_the_shorter_window_of_a_mean_ends_at_the_same_bar(windows: tuple[int, int]) -> None:
    bars = some_bars(3, 20, max(windows))
    mixed = graphs.mean(toy(1, windows[0]), toy(2, windows[1]))
    expected = (toy_scores(1, windows[0], bars) + toy_scores(2, windows[1], bars)) / 2.0
    assert graphs.window_of(mixed) == max(windows)
    assert_scores(graphs.run_raw(mixed, bars), expected)


def test_a_mean_can_be_averaged_and_finished_again() -> None:
    bars = some_bars(4, 20, 2)
    twice = graphs.mean(graphs.mean(toy(1), toy(2)), toy(3, 2))
    parts = [toy_scores(1, 1, bars), toy_scores(2, 1, bars), toy_scores(3, 2, bars)]
    expected = parts[0] / 4.0 + parts[1] / 4.0 + parts[2] / 2.0
    assert_scores(graphs.run_raw(twice, bars), expected)
    assert tuple(graphs.run(graphs.finish(twice, CALIBRATION), bars)) == OUTPUTS


def test_alternative_data_of_one_part_become_those_of_the_mean() -> None:
    mixed = graphs.mean(toy(1, 2, alternative=2), toy(2, 3))
    names = [each.name for each in onnx.load_model_from_string(mixed).graph.input]
    assert names == ["bars", "alt", "alt_mask"]
    bars = some_bars(5, 9, 3)
    expected = (toy_scores(1, 2, bars) + toy_scores(2, 3, bars)) / 2.0
    assert_scores(graphs.run_raw(mixed, bars), expected)  # absent, so they add nothing


def test_the_same_parts_give_the_same_bytes() -> None:
    assert graphs.mean(toy(1), toy(2)) == graphs.mean(toy(1), toy(2))
    assert graphs.finish(toy(), CALIBRATION) == graphs.finish(toy(), CALIBRATION)


def test_blocks_give_what_the_whole_gives() -> None:
    bars = some_bars(6, 100, 2)
    whole = graphs.run_raw(toy(window=2), bars)
    pieces = graphs.run_raw(toy(window=2), (bars[at : at + 17] for at in range(0, 100, 17)))
    single = graphs.run_raw(toy(window=2), bars, batch=1)
    for name in RAW_OUTPUTS:
        np.testing.assert_allclose(pieces[name], whole[name], atol=1e-6)
        np.testing.assert_allclose(single[name], whole[name], atol=1e-6)


def test_no_rows_give_no_forecasts() -> None:
    outputs = graphs.run(graphs.finish(toy(), CALIBRATION), iter(()))
    assert outputs["signal"].shape == (0, 3)
    assert outputs["ln_rv"].shape == (0,)


def test_bars_that_do_not_fit_are_refused() -> None:
    bars = some_bars(7, 4, 2)
    with pytest.raises(ValueError, match=r"bars must be float32 of \[1, 5\], were float32"):
        graphs.run_raw(toy(), bars)
    with pytest.raises(ValueError, match=r"bars must be float32 of \[2, 5\], were float64"):
        graphs.run_raw(toy(window=2), bars.astype(np.float64))
    bars[2, 1, 3] = np.inf
    with pytest.raises(ValueError, match="bars must be finite, were inf"):
        graphs.run_raw(toy(window=2), bars)


def test_a_finished_graph_is_neither_finished_nor_averaged_nor_run_as_raw() -> None:
    done = graphs.finish(toy(), CALIBRATION)
    graphs.check(done)
    assert graphs.window_of(done) == 1
    with pytest.raises(ValueError, match="raw must have the outputs of a raw graph, had signal"):
        graphs.finish(done, CALIBRATION)
    with pytest.raises(ValueError, match="second must have the outputs of a raw graph, had signal"):
        graphs.mean(toy(), done)
    with pytest.raises(ValueError, match="raw must have the outputs of a raw graph, had signal"):
        graphs.run_raw(done, some_bars(8, 1, 1))


def test_graphs_that_want_other_inputs_are_not_averaged() -> None:
    with pytest.raises(ValueError, match="second must want 2 columns of alt, wanted 1"):
        graphs.mean(toy(1, alternative=2), toy(2, alternative=1))
    with pytest.raises(ValueError, match="second must want 5 features, wanted 40"):
        graphs.mean(toy(), _forty())


def _forty() -> bytes:
    return raw_graph(
        40,
        np.zeros(5),
        lambda sketch, last: dense(sketch, last, np.zeros((40, SCORES)), np.zeros(SCORES)),
        name="forty",
    )


def _foreign(model: ModelProto) -> None:
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def _other_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 17


def _old_format(model: ModelProto) -> None:
    model.ir_version = 7


def _outside(model: ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    weights.ClearField("raw_data")


def _outside_constant(model: ModelProto) -> None:
    value = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value="weights.bin")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=value))


def _fewer_outputs(model: ModelProto) -> None:
    del model.graph.output[-1]


def _swapped_outputs(model: ModelProto) -> None:
    first, second = model.graph.output[0].name, model.graph.output[1].name
    model.graph.output[0].name, model.graph.output[1].name = second, first


def _narrow_output(model: ModelProto) -> None:
    model.graph.output[4].CopyFrom(tensor("mfe_q", 3))


def _fixed_batch(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8


def _double_input(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def _other_input(model: ModelProto) -> None:
    model.graph.input[0].name = "prices"


def _broken_edge(model: ModelProto) -> None:
    model.graph.node[1].input[0] = "nowhere"


def _no_nodes(model: ModelProto) -> None:
    del model.graph.node[:]


def _function(model: ModelProto) -> None:
    model.functions.add(name="hidden", domain="")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_foreign, "graph must only use operators of ONNX, used some of com.example"),
        (_function, "graph must have no functions, had hidden"),
        (_other_opset, "opset of ai.onnx must be 20, was 17"),
        (_old_format, "ir_version must be in (9, 10), was 7"),
        (_outside, "graph must hold all its data, constant_0 lies outside"),
        (_outside_constant, "graph must hold all its data, hidden lies outside"),
        (_fewer_outputs, "outputs must be signal,"),
        (_swapped_outputs, "or raw, were direction_logit, touch_logit, ln_rv"),
        (_narrow_output, "mfe_q must be ['batch', 4], was [0, 3]"),
        (_fixed_batch, "bars must be a table of any batch size, was [8, 1, 5]"),
        (_double_input, "bars must be FLOAT, was DOUBLE"),
        (_other_input, "inputs must be bars, or bars, alt and alt_mask, were prices"),
        (_broken_edge, "graph must be sound:"),
        (_no_nodes, "graph must have nodes, had none"),
    ],
)
def test_an_unsound_graph_is_refused_in_one_sentence(
    spoil: Callable[[ModelProto], None], fault: str
) -> None:
    model = toy_model()
    spoil(model)
    with pytest.raises(ValueError) as caught:
        graphs.check(serialized(model))
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mask_of_another_shape_is_refused() -> None:
    def narrower(graph: GraphProto) -> None:
        graph.input[2].CopyFrom(tensor("alt_mask", 3))

    sentence = r"^alt_mask must have the shape of alt, \[0, 2\], was \[0, 3\]$"
    with pytest.raises(ValueError, match=sentence):
        graphs.check(serialized(toy_model(alternative=2, change=narrower)))


@pytest.mark.parametrize("junk", [b"", b"not a model", toy()[:200]])
def test_other_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="graph must"):
        graphs.check(junk)
