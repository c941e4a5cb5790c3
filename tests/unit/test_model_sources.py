"""One hash of some source files."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningstar_strategy.model.sources import hash_sources

LINES = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=300)), max_size=4)


def write(folder: Path, *texts: bytes) -> list[Path]:
    paths = [folder / f"{at}.py" for at in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    return paths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=LINES, other=LINES)
def test_line_endings_do_not_matter_and_every_line_does(
    tmp_path: Path, one: list[str], other: list[str]
) -> None:
    unix, foreign = ("\n".join(one).encode(), "\r\n".join(one).encode())
    before = hash_sources(write(tmp_path, unix))
    assert hash_sources(write(tmp_path, foreign)) == before
    changed = "\n".join(other).encode()
    assert (hash_sources(write(tmp_path, changed)) == before) is (changed == unix)


def test_the_order_and_the_borders_of_files_matter(tmp_path: Path) -> None:
    paths = write(tmp_path, b"a = 1\n", b"b = 2\n")
    both = hash_sources(paths)
    assert both == hashlib.sha256(b"a = 1\n\0b = 2\n").hexdigest()
    assert hash_sources(iter(paths)) == both
    assert hash_sources(reversed(paths)) != both
    assert hash_sources(write(tmp_path, b"a = 1\nb", b" = 2\n")) != both


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_sources([tmp_path / "gone.py"])
