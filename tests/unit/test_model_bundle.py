"""A bundle is published whole, and loads only if every part is what it was."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest

from morningstar_strategy.core import features
from morningstar_strategy.model import bundle
from morningstar_strategy.model.bundle import (
    BundleError,
    MorningstarModel,
    arming_fault,
    publish,
    read_manifest,
)
from morningstar_strategy.model.heads import OUTPUTS
from morningstar_strategy.model.manifest import Manifest, digest, sealed
from tests.models import ALT, START, START_NS, draft, golden, tiny_bundle, tiny_graph

FILES = ("model.onnx", "golden.npz", "card.md", "manifest.json")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def rewritten(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Edit a manifest as somebody would who also mends its checksum."""
    tree = json.loads((folder / "manifest.json").read_bytes())
    change(tree)
    text = json.dumps(tree | {"checksum": ""}, indent=1)
    told = digest(text.encode())
    text = text.replace('"checksum": ""', f'"checksum": "{told}"')
    (folder / "manifest.json").write_text(text)


def refilled(folder: Path, name: str, data: bytes) -> None:
    """Exchange a file as somebody would who also mends every checksum."""
    (folder / name).write_bytes(data)
    rewritten(folder, lambda tree: tree["files"].update({name: digest(data)}))  # type: ignore[attr-defined]


def test_a_published_bundle_loads_and_says_what_was_stated(sound: Path) -> None:
    model = MorningstarModel(sound)
    assert sorted(path.name for path in sound.iterdir()) == sorted(FILES)
    assert dict(draft()).items() <= dict(model.manifest).items()
    assert model.manifest == read_manifest(sound)
    assert model.sha256 == digest((sound / "manifest.json").read_bytes())


def test_the_same_parts_make_the_same_bundle_to_the_byte(sound: Path, tmp_path: Path) -> None:
    again = tiny_bundle(tmp_path / "again")
    assert [(again / n).read_bytes() for n in FILES] == [(sound / n).read_bytes() for n in FILES]


def test_publishing_refuses_a_place_that_is_taken(sound: Path, tmp_path: Path) -> None:
    before = (sound / "manifest.json").read_bytes()
    with pytest.raises(FileExistsError, match="a bundle is never overwritten"):
        tiny_bundle(sound, graph_seed=4)
    assert (sound / "manifest.json").read_bytes() == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileExistsError):
        tiny_bundle(tmp_path / "empty")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"graph": b"no graph"}, "must be an ONNX model"),
        ({"draft": draft(window=2)}, "inputs and outputs of model.onnx must be those"),
        ({"golden": golden(2)}, r"bars must have shape \[N, 1, 40\], was \(8, 2, 40\)"),
        ({"golden": golden() * np.float32("nan")}, "momentum_1 in bars must be finite, was nan"),
        ({"golden": golden().astype(np.float64)}, "bars must be float32, was float64"),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else "",
)
def test_what_cannot_be_loaded_again_is_not_published(
    parts: dict[str, object], words: str, tmp_path: Path
) -> None:
    told = {"graph": tiny_graph(), "draft": draft(), "golden": golden(), "card": "#"} | parts
    with pytest.raises(ValueError, match=words):
        publish(tmp_path / "new", **told)  # type: ignore[arg-type]  # some are wrong on purpose
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} of bundle copy cannot be read: No such file"):
        MorningstarModel(copy)


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json of bundle gone cannot be read"):
        MorningstarModel(tmp_path / "gone")


@pytest.mark.parametrize("name", FILES[:3])
def test_a_changed_byte_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} was changed after it was published"):
        MorningstarModel(copy)


def test_every_changed_byte_of_the_manifest_is_noticed(copy: Path) -> None:
    path = copy / "manifest.json"
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BundleError, match=r"manifest\.json"):
            read_manifest(copy)
    path.write_bytes(whole)
    read_manifest(copy)


@pytest.mark.parametrize("tail", [b" ", b"\n", b"\0"])
def test_not_a_byte_may_be_added_to_the_manifest(copy: Path, tail: bytes) -> None:
    path = copy / "manifest.json"
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        read_manifest(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tree: tree.update(schema_version=0), "schema_version of .* must be 1, was 0"),
        (lambda tree: tree.update(schema_version=2), "schema_version of .* must be 1, was 2"),
        (lambda tree: tree.update(schema_version=True), "schema_version of .* must be 1, was True"),
        (lambda tree: tree.pop("schema_version"), "schema_version of .* must be 1, was None"),
        (lambda tree: tree.update(comment="hello"), "not valid: comment: Extra inputs"),
        (lambda tree: tree.pop("seed"), "not valid: seed: Field required"),
        (lambda tree: tree["labels"].update(horizon=0), "not valid: labels: .*horizon must be in"),
        (lambda tree: tree.update(window=3), "inputs and outputs of model.onnx must be those"),
        (lambda tree: tree["files"].pop("card.md"), "not valid: it: .*files must be"),
        (lambda tree: tree["files"].clear(), "files must be .*, were none"),
        (
            lambda tree: tree["files"].update({"card.html": "0" * 64}),
            "files must be model.onnx, golden.npz, card.md, were card.html, card.md, golden.npz, m",
        ),
        (lambda tree: tree.update(train_end="2020-01-01T00:00:00Z"), "train_end must be after"),
        (lambda tree: tree.update(created="2020-01-01T00:00:00"), "not valid: created"),
        (lambda tree: tree["features"].update(drift_limit=1.5), r"limit must be in \[0, 1\]"),
        (lambda tree: tree["features"]["iqr"].pop(), "must be equally long"),
        (
            lambda tree: tree["features"].update(set_id="old"),
            "set_id of features must be .* was old",
        ),
        (
            lambda tree: tree["features"]["names"].__setitem__(2, "momentum_7"),
            "feature 2 must be momentum_6, was momentum_7 when it was trained",
        ),
        (
            lambda tree: tree["features"]["names"].insert(0, tree["features"]["names"].pop(1)),
            "feature 0 must be momentum_1, was momentum_3 when it was trained",
        ),
        (
            lambda tree: tree["features"].update(code_sha256="1" * 64),
            "code of the features must be 111111111111, as trained with, was",
        ),
        (
            lambda tree: tree["outputs"][0].update(shape=[None, 4]),
            "inputs and outputs of model.onnx must be those",
        ),
    ],
)
def test_a_manifest_of_something_else_is_refused(
    copy: Path, change: Callable[[dict[str, object]], object], words: str
) -> None:
    rewritten(copy, change)
    with pytest.raises(BundleError, match=words):
        MorningstarModel(copy)


def test_fewer_features_are_refused(copy: Path) -> None:
    def drop(tree: dict[str, dict[str, list[object]]]) -> None:
        for name in ("names", "edges", "median", "iqr"):
            tree["features"][name].pop()

    rewritten(copy, drop)  # type: ignore[arg-type]  # a narrower tree
    with pytest.raises(BundleError, match="features must number 40, were 39"):
        MorningstarModel(copy)


def test_other_feature_code_is_refused(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = tmp_path / "features.py"
    edited.write_bytes(Path(features.__file__).read_bytes() + b"# changed\n")
    monkeypatch.setattr(features, "__file__", str(edited))
    with pytest.raises(BundleError, match="code of the features must be"):
        MorningstarModel(sound)


def test_line_endings_are_no_change_of_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle.feature_code_sha256()
    edited = tmp_path / "features.py"
    edited.write_bytes(Path(features.__file__).read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(features, "__file__", str(edited))
    assert bundle.feature_code_sha256() == before


def test_another_graph_does_not_reproduce_the_golden_forecasts(copy: Path) -> None:
    refilled(copy, "model.onnx", tiny_graph(seed=4))
    with pytest.raises(BundleError, match=r"signal of golden\.npz must be reproduced"):
        MorningstarModel(copy)


def test_a_graph_of_another_window_is_refused(copy: Path) -> None:
    refilled(copy, "model.onnx", tiny_graph(4))
    with pytest.raises(BundleError, match=r"inputs and outputs of model\.onnx must be those"):
        MorningstarModel(copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: model.graph.node[0].__setattr__("domain", "some.where"),
        lambda model: model.opset_import[0].__setattr__("version", 9_999),
        lambda model: model.graph.node[0].__setattr__("op_type", "Nonesuch"),
        lambda model: model.graph.ClearField("node"),
    ],
    ids=["domain", "opset", "operator", "empty"],
)
def test_a_graph_that_cannot_be_run_is_refused(
    copy: Path, spoil: Callable[[onnx.ModelProto], object]
) -> None:
    model = onnx.load_model_from_string(tiny_graph())
    spoil(model)
    refilled(copy, "model.onnx", model.SerializeToString())
    with pytest.raises(BundleError, match=r"model\.onnx cannot be run"):
        MorningstarModel(copy)


def test_a_graph_with_other_outputs_is_refused(copy: Path) -> None:
    model = onnx.load_model_from_string(tiny_graph())
    model.graph.output[0].CopyFrom(model.graph.output[2])
    refilled(copy, "model.onnx", model.SerializeToString())
    with pytest.raises(BundleError, match=r"model\.onnx"):
        MorningstarModel(copy)


def test_a_golden_file_that_is_none_is_refused(copy: Path) -> None:
    refilled(copy, "golden.npz", b"PK no archive")
    with pytest.raises(BundleError, match=r"golden\.npz cannot be read"):
        MorningstarModel(copy)


def test_a_golden_file_with_a_pickle_in_it_is_refused(copy: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", in_bars=np.array([{"a": 1}], dtype=object))
    refilled(copy, "golden.npz", (tmp_path / "odd.npz").read_bytes())
    with pytest.raises(BundleError, match=r"golden\.npz cannot be read: Object arrays"):
        MorningstarModel(copy)


def test_a_golden_file_without_answers_is_refused(copy: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", in_bars=golden())
    refilled(copy, "golden.npz", (tmp_path / "odd.npz").read_bytes())
    with pytest.raises(BundleError, match=r"signal of golden\.npz must be reproduced"):
        MorningstarModel(copy)


def test_the_wrapper_answers_with_every_output(sound: Path) -> None:
    answers = MorningstarModel(sound).predict({"bars": golden(count=5)})
    assert tuple(answers) == OUTPUTS
    shapes = [array.shape for array in answers.values()]
    assert shapes == [(5, 3), (5,), (5, 2), (5, 4), (5, 4)]
    assert np.allclose(answers["signal"].sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "inputs must be bars, were"),
        ({"bars": golden(), "alt": golden()}, "inputs must be bars, were"),
        ({"bars": golden().astype(np.float64)}, "bars must be float32, was float64"),
        ({"bars": golden()[:, 0]}, r"bars must have shape \[N, 1, 40\], was \(8, 40\)"),
        ({"bars": golden()[:, :, :39]}, r"was \(8, 1, 39\)"),
        ({"bars": golden()[:0]}, r"was \(0, 1, 40\)"),
        ({"bars": golden(2)}, r"was \(8, 2, 40\)"),
    ],
)
def test_what_does_not_fit_is_refused(
    sound: Path, inputs: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], words: str
) -> None:
    with pytest.raises(BundleError, match=words):
        MorningstarModel(sound).predict(inputs)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_feature(
    sound: Path, value: float
) -> None:
    bars = golden().copy()
    bars[3, 0, features.index_of("macd")] = value
    with pytest.raises(BundleError, match=rf"macd in bars must be finite, was {value} at \(3, 0,"):
        MorningstarModel(sound).predict({"bars": bars})


def test_alternative_data_left_out_counts_as_unknown(tmp_path: Path) -> None:
    model = MorningstarModel(tiny_bundle(tmp_path / "alt", alt=True))
    bars, told = golden(), np.ones((8, ALT), np.float32)
    silent = model.predict({"bars": bars})
    masked = model.predict({"bars": bars, "alt": told, "alt_mask": told * 0.0})
    heard = model.predict({"bars": bars, "alt": told, "alt_mask": told})
    assert np.array_equal(silent["signal"], masked["signal"])
    assert np.abs(heard["signal"] - silent["signal"]).max() > 0.01
    with pytest.raises(BundleError, match=r"alt must have shape \[N, 3\], was \(2, 3\)"):
        model.predict({"bars": bars, "alt": told[:2], "alt_mask": told})


def test_a_model_that_answers_with_no_number_is_refused(copy: Path) -> None:
    model = MorningstarModel(copy)
    bars = golden().copy()
    bars[0, 0, features.index_of("volatility_96")] = -1.0  # of which the graph takes the logarithm
    with pytest.raises(
        BundleError, match=r"ln_rv forecast by .* must be finite, was nan at \(0,\)$"
    ):
        model.predict({"bars": bars})


def test_no_edge_must_be_allowed_before_a_model_trades_money() -> None:
    manifest = Manifest(
        **dict(draft(life_days=10)),
        schema_version=1,
        inputs=(),
        outputs=(),
        files=dict.fromkeys(FILES[:3], "0" * 64),
        checksum="",
    )
    last_ns = START_NS + 10 * 86_400_000_000_000
    assert manifest.expires == START + timedelta(days=10)
    assert manifest.expires_ns == last_ns
    fault = arming_fault(manifest, allow_no_edge=False, now_ns=last_ns)
    assert fault is not None
    assert "direction_edge none" in fault
    assert arming_fault(manifest, allow_no_edge=True, now_ns=last_ns) is None
    expired = arming_fault(manifest, allow_no_edge=True, now_ns=last_ns + 1)
    assert expired == "the model tiny-1h-20240101-00000000 expired on 2024-01-11"
    for edge in ("weak", "significant"):
        better = manifest.model_copy(update={"direction_edge": edge})
        assert arming_fault(better, allow_no_edge=False, now_ns=last_ns) is None


def test_a_sealed_manifest_reads_back_equal(sound: Path) -> None:
    manifest = read_manifest(sound)
    assert sealed(manifest) == (sound / "manifest.json").read_bytes()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_draft_states_only_numbers(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        draft(calibration={"touch": (number, 1.0)})
