"""Whatever is wrong with a bundle or with what it is fed, it is one sentence of one error."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from morningstar_strategy.model.bundle import BundleError, MorningstarModel, read_manifest
from morningstar_strategy.model.manifest import digest, parse
from tests.models import draft, golden, tiny_bundle

INT64_MAX = 2**63 - 1


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def model(sound: Path) -> MorningstarModel:
    return MorningstarModel(sound)


def with_golden(sound: Path, folder: Path, data: bytes) -> Path:
    """Return a bundle with other golden forecasts, whose checksums are mended."""
    shutil.copytree(sound, folder)
    (folder / "golden.npz").write_bytes(data)
    tree = json.loads((folder / "manifest.json").read_bytes())
    tree["files"]["golden.npz"] = digest(data)
    text = json.dumps(tree | {"checksum": ""}, indent=1)
    told = digest(text.encode())
    (folder / "manifest.json").write_text(text.replace('"checksum": ""', f'"checksum": "{told}"'))
    return folder


def archive(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]  # odd on purpose
    return buffer.getvalue()


def broken_deflate(data: bytes) -> bytes:
    """Spoil the compressed bytes of the first member of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        info = file.infolist()[0]
    start = info.header_offset + 30 + len(info.filename)
    return data[:start] + b"\xff" * info.compress_size + data[start + info.compress_size :]


# The manifest


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"schema_version": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"schema_version": 1, "recipe": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=["open", "lists", "maps", "version", "recipe"],
)
def test_brackets_without_end_are_one_sentence(text: bytes) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json") as fault:
        parse(text)
    assert len(str(fault.value)) < 300
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"life_days": 3_651}, "life_days"),
        ({"life_days": 10**30}, "life_days"),
        ({"life_days": 0}, "life_days"),
        ({"train_end": datetime(9999, 12, 31, tzinfo=UTC)}, "train_end"),
        ({"train_start": datetime(1, 1, 1, tzinfo=UTC)}, "train_start"),
        ({"created": "0001-01-01T00:00:00+05:00"}, "created"),
    ],
)
def test_a_life_that_no_calendar_holds_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draft(**change)


def test_the_longest_life_ends_within_64_bits_of_nanoseconds() -> None:
    last = datetime(2200, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    oldest = draft(train_end=last, life_days=3_650)
    assert oldest.expires == last + timedelta(days=3_650)
    assert oldest.expires_ns < INT64_MAX


@pytest.mark.parametrize("window", [100_001, 10**30, -1])
def test_a_window_of_drift_that_no_memory_holds_is_refused(window: int) -> None:
    spec = draft().features.model_dump()
    with pytest.raises(ValueError, match="window"):
        draft(features=spec | {"drift_window": window})


def test_a_bundle_may_be_named_by_a_text(sound: Path) -> None:
    assert MorningstarModel(str(sound)).manifest == read_manifest(str(sound))
    with pytest.raises(BundleError, match=r"manifest\.json of bundle gone cannot be read"):
        MorningstarModel(str(sound.parent / "gone"))
    with pytest.raises(BundleError, match="cannot be read: embedded null byte"):
        MorningstarModel(f"{sound}\0")


# The golden forecasts


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: b"", "cannot be read"),
        (lambda data: data[: len(data) // 2], "cannot be read"),
        (lambda _: b"\x93NUMPY", "cannot be read"),
        (lambda _: b"\x80\x04.", "cannot be read"),
        (broken_deflate, "cannot be read"),
        (lambda _: array_file(), "cannot be read"),
        (lambda _: archive(in_bars=np.float32(1.0)), r"bars must have shape .*, was \(\)"),
        (lambda _: archive(in_bars=np.array("x")), "bars must be float32"),
        (lambda _: archive(in_bars=golden(), out_signal=np.float32(1.0)), "signal of golden.npz"),
        (
            lambda _: archive(in_bars=golden(), out_signal=np.full((8, 3), "x")),
            "signal of golden.npz must be reproduced",
        ),
        (lambda _: archive(out_signal=golden()), "inputs must be bars, were"),
        (lambda _: text_archive(), "in_bars of golden.npz must be an array, was bytes"),
        (lambda _: huge_archive(), "cannot be read"),
    ],
)
def test_golden_forecasts_that_are_none_are_one_sentence(
    sound: Path, tmp_path: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    data = spoil((sound / "golden.npz").read_bytes())
    with pytest.raises(BundleError, match=words) as fault:
        MorningstarModel(with_golden(sound, tmp_path / "odd", data))
    assert "\n" not in str(fault.value)


def array_file() -> bytes:
    """Return one array alone, which is no archive."""
    buffer = io.BytesIO()
    np.save(buffer, golden())
    return buffer.getvalue()


def text_archive() -> bytes:
    """Return an archive with a text in place of an array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("in_bars.npy", "hello")
    return buffer.getvalue()


def huge_archive() -> bytes:
    """Return an archive whose array would fill any memory."""
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,), }"
    text = header.encode().ljust(117) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        size = len(text).to_bytes(2, "little")
        file.writestr("in_bars.npy", b"\x93NUMPY\x01\x00" + size + text)
    return buffer.getvalue()


# What a model is fed


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (None, "inputs must map names to arrays, were of type NoneType"),
        (1.0, "were of type float"),
        ([golden()], "were of type list"),
        (golden(), "were of type ndarray"),
        ("bars", "were of type str"),
        ({1: golden()}, "names of inputs must be texts, were 1"),
        ({"bars": golden(), None: golden()}, "names of inputs must be texts, were None"),
        ({"bars": None}, "bars must be a plain array, was a NoneType"),
        ({"bars": golden().tolist()}, "bars must be a plain array, was a list"),
        ({"bars": 1.0}, "bars must be a plain array, was a float"),
        ({"bars": np.float32(1.0)}, "bars must be a plain array, was a float32"),
        ({"bars": "bars"}, "bars must be a plain array, was a str"),
        ({"bars": np.ma.masked_array(golden())}, "bars must be a plain array, was a MaskedArray"),
        ({"bars": np.array(1.0, np.float32)}, r"bars must have shape \[N, 1, 40\], was \(\)"),
        ({"bars": np.array("x")}, "bars must be float32, was <U1"),
        ({"bars": golden().astype(object)}, "bars must be float32, was object"),
        ({"bars": golden().astype(">f4")}, "bars must be float32, was >f4"),
        ({"bars": golden(), "alt": None}, "alt must be a plain array, was a NoneType"),
    ],
)
def test_what_is_no_map_of_arrays_is_refused_by_its_type(
    model: MorningstarModel, inputs: object, words: str
) -> None:
    with pytest.raises(BundleError, match=words):
        model.predict(inputs)  # type: ignore[arg-type]  # wrong on purpose
