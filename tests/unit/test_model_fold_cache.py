"""Fitted quarters on disk: used only where every byte and the place itself are as written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning.fold_cache import FoldCache, seal

FILES = ("outputs.npz", "raw.onnx", "seal")
GRAPH = b"a graph"


def outputs(value: float = 0.25) -> dict[str, Float32Array]:
    """Return what a graph could have said of three rows."""
    return {name: np.full((3, 2), value, np.float32) for name in RAW_OUTPUTS}


def kept(root: Path, fold: str = "2024Q1", family: str = "gbm", value: float = 0.25) -> Path:
    """Keep a fit and return its folder."""
    FoldCache(root, "key").put(
        fold, family, GRAPH + fold.encode() + family.encode(), outputs(value)
    )
    return root / "key" / fold / family


def found(root: Path, fold: str = "2024Q1", family: str = "gbm") -> bool:
    return FoldCache(root, "key").get(fold, family) is not None


def test_what_was_put_is_found_again_to_the_bit(tmp_path: Path) -> None:
    place = kept(tmp_path)
    told = FoldCache(tmp_path, "key").get("2024Q1", "gbm")
    assert told is not None
    graph, arrays = told
    assert graph == GRAPH + b"2024Q1gbm"
    assert tuple(arrays) == RAW_OUTPUTS
    for name, array in outputs().items():
        assert arrays[name].dtype == np.float32
        assert np.array_equal(arrays[name], array)
    assert sorted(path.name for path in place.iterdir()) == list(FILES)
    assert [path.name for path in place.parent.iterdir()] == ["gbm"]
    assert FoldCache(tmp_path, "other").get("2024Q1", "gbm") is None


def test_the_seal_beside_the_files_is_the_one_that_anybody_can_make(tmp_path: Path) -> None:
    place = kept(tmp_path)
    graph, data = (place / "raw.onnx").read_bytes(), (place / "outputs.npz").read_bytes()
    assert (place / "seal").read_text() == seal("2024Q1", "gbm", graph, data)
    (place / "seal").unlink()
    assert not found(tmp_path)
    (place / "seal").write_text(seal("2024Q1", "gbm", graph, data))
    assert found(tmp_path)


@given(
    one=st.tuples(st.text(), st.text(), st.binary(), st.binary()),
    other=st.tuples(st.text(), st.text(), st.binary(), st.binary()),
)
def test_only_the_same_parts_have_the_same_seal(
    one: tuple[str, str, bytes, bytes], other: tuple[str, str, bytes, bytes]
) -> None:
    assert (seal(*one) == seal(*other)) == (one == other)


def test_a_byte_that_moves_from_one_part_to_the_next_changes_the_seal() -> None:
    told = {seal("ab", "c", b"d", b"e"), seal("a", "bc", b"d", b"e"), seal("a", "b", b"cd", b"e")}
    assert len(told) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    place=st.floats(0.0, 1.0, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_any_changed_byte_is_a_miss(tmp_path: Path, name: str, place: float, flip: int) -> None:
    path = kept(tmp_path) / name  # which mends what the example before left behind
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    assert not found(tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\n"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["missing", "empty", "truncated", "longer", "folder"],
)
def test_a_spoiled_file_is_a_miss_until_it_is_put_again(
    tmp_path: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    spoil(kept(tmp_path) / name)
    assert not found(tmp_path)
    place = kept(tmp_path)
    assert found(tmp_path)
    assert [path.name for path in place.parent.iterdir()] == ["gbm"]


@pytest.mark.parametrize(("fold", "family"), [("2024Q2", "gbm"), ("2024Q1", "linear")])
@pytest.mark.parametrize("names", [FILES, ("raw.onnx",), ("outputs.npz",)], ids=len)
def test_files_of_another_quarter_or_family_are_never_used(
    tmp_path: Path, fold: str, family: str, names: tuple[str, ...]
) -> None:
    mine, other = kept(tmp_path), kept(tmp_path, fold, family, 0.5)
    for name in names:
        shutil.copy(other / name, mine / name)
    assert not found(tmp_path)
    assert found(tmp_path, fold, family)


@pytest.mark.parametrize("data", [b"", b"PK no archive", b"\x80\x04.", b"\x93NUMPY"])
def test_sealed_outputs_that_are_no_archive_are_a_miss(tmp_path: Path, data: bytes) -> None:
    place = kept(tmp_path)
    (place / "outputs.npz").write_bytes(data)
    told = seal("2024Q1", "gbm", (place / "raw.onnx").read_bytes(), data)
    (place / "seal").write_text(told)
    assert not found(tmp_path)


def test_a_sound_fit_in_the_same_place_stays(tmp_path: Path) -> None:
    before = [(kept(tmp_path) / name).read_bytes() for name in FILES]
    after = [(kept(tmp_path, value=0.75) / name).read_bytes() for name in FILES]
    assert after == before


def test_whatever_else_takes_the_place_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "key" / "2024Q1" / "gbm"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"a file")
    assert not found(tmp_path)
    kept(tmp_path)
    assert found(tmp_path)
    target = tmp_path / "elsewhere"
    place.rename(target)
    (target / "seal").unlink()
    place.symlink_to(target)
    kept(tmp_path)
    assert found(tmp_path)
    assert sorted(path.name for path in target.iterdir()) == list(FILES[:2])


@pytest.mark.parametrize("method", ["write_bytes", "write_text", "rename"])
def test_a_disk_that_is_full_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, full)
        with pytest.raises(OSError, match="No space left"):
            kept(tmp_path)
    assert list((tmp_path / "key" / "2024Q1").iterdir()) == []
    kept(tmp_path)
    assert found(tmp_path)


def test_a_training_that_was_faster_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def late(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        kept(tmp_path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    place = kept(tmp_path, value=0.75)
    assert found(tmp_path)
    assert [path.name for path in place.parent.iterdir()] == ["gbm"]
