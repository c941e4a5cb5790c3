"""A session that was killed, its successor and a supervised one on paper replay to the byte."""

from pathlib import Path

from tests.catalogs import sample_folder
from tests.parity.__main__ import parities


def test_live_sessions_replay_decision_by_decision(tmp_path: Path) -> None:
    found = list(parities("gate", tmp_path, catalog=sample_folder(), plans=2))
    assert len(found) == 3
    assert [each for each in found if not each.is_same] == []
    assert all(each.counts["command"] and each.counts["ruling"] for each in found)
    assert found[-1].counts["review"]
    assert sum(each.outside for each in found[1:]) == 0  # only who was killed has an end cut off
