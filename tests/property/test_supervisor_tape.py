"""Laws of the tape: whatever cuts a line off, the lines before it stay, and it is written on."""

import resource
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.supervisor.tape import TapeWriter, read_tape, verify_tape
from tests.harness.counsels import exchange, scene

EXCHANGES = [exchange(scene(number)) for number in range(1, 5)]


def written(path: Path) -> bytes:
    with TapeWriter(path) as tape:
        for each in EXCHANGES[:3]:
            tape.append(each)
    return path.read_bytes()


@given(st.data())
def test_wherever_a_crash_cuts_a_tape_the_whole_lines_stay_and_the_rest_is_put_aside(
    data: st.DataObject,
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tape.jsonl"
        sound = written(path)
        cut = data.draw(st.integers(0, len(sound)))
        path.write_bytes(sound[:cut])
        whole = sound[:cut].count(b"\n")
        tail = sound[:cut].rpartition(b"\n")[2]
        with TapeWriter(path) as tape:
            assert path.read_bytes() + tail == sound[:cut]
            assert (tape.torn is not None) == bool(tail)
            assert tape.torn is None or tape.torn.read_bytes() == tail + b"\n"
            tape.append(EXCHANGES[3])
        assert list(read_tape(path)) == [*EXCHANGES[:whole], EXCHANGES[3]]


@given(st.integers(0, 400))
def test_wherever_the_disk_is_full_the_tape_stays_sound_and_goes_on(room: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tape.jsonl"
        sound = written(path)
        with TapeWriter(path) as tape:
            usual = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(sound) + room, usual[1]))
            try:
                with pytest.raises(OSError, match="File too large"):
                    tape.append(EXCHANGES[3])
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, usual)
            assert path.read_bytes() == sound
            tape.append(EXCHANGES[3])
        assert list(read_tape(path)) == EXCHANGES
        assert verify_tape(path) == 4
