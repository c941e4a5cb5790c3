"""The risk memory survives on disk, whole or not at all."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.memory import MemoryFile, MemoryFileError

_money = st.decimals(min_value=0, max_value=10**9, places=8)
_memories = st.builds(
    RiskMemory,
    peak_equity=_money,
    day=st.integers(-1, 10**6),
    day_equity=_money,
    halted=st.text(max_size=40),
    day_halted=st.text(max_size=40),
    cooldowns=st.lists(st.tuples(st.text(max_size=20), st.integers(0, 2**62)), max_size=4).map(
        tuple
    ),
)


@given(memory=_memories)
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, memory: RiskMemory
) -> None:
    file = MemoryFile(tmp_path_factory.getbasetemp() / "risk.json")
    file.save(memory)
    assert file.load() == memory


def test_a_missing_file_is_a_fresh_memory(tmp_path: Path) -> None:
    assert MemoryFile(tmp_path / "none.json").load() == RiskMemory()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"peak_equity": "x"}', "\x00"])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "risk.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MemoryFileError, match=r"risk\.json"):
        MemoryFile(path).load()


def test_saving_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    MemoryFile(tmp_path / "risk.json").save(RiskMemory(peak_equity=Decimal(5), halted="x"))
    assert [path.name for path in tmp_path.iterdir()] == ["risk.json"]
