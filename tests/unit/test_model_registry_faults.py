"""What a registry and its logs say of bad input: one sentence, and nothing else is hidden."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from morningstar_strategy.model.channels import (
    CHANNELS,
    RegistryError,
    change_of,
    locked,
    read_channels,
)
from morningstar_strategy.model.registry import Registry, main
from morningstar_strategy.model.shadow_log import ShadowLogError, read_shadow_logs
from tests.shadows import NOW, bundle, calm_and_storm, lines, said, write

NAMES = ("a-1h", "b-1h")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish two bundles and adopt them once; every test works on a copy."""
    registry = Registry(tmp_path_factory.mktemp("published"))
    for seed, name in enumerate(NAMES, start=3):
        bundle(registry.bundles, name, seed)
        registry.adopt(name, at=NOW)
    return registry.root


@pytest.fixture
def registry(tmp_path: Path, published: Path) -> Registry:
    return Registry(Path(shutil.copytree(published, tmp_path / "registry")))


def spoiled(registry: Registry) -> None:
    """Put bundles into a registry that are broken in several ways."""
    for name, text in (
        ("deep", "[" * 100_000),
        ("empty", ""),
        ("list", "[]"),
        ("binary", "\0\x01"),
    ):
        (registry.bundles / name).mkdir()
        (registry.bundles / name / "manifest.json").write_text(text)
    (registry.bundles / "folder" / "manifest.json").mkdir(parents=True)
    shutil.copytree(registry.bundles / "a-1h", registry.bundles / "copied")


def test_broken_bundles_hide_no_other_from_the_list(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled(registry)
    assert main(["list", "--json", "--registry", str(registry.root)], now=NOW) == 0
    rows = {row["model"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["a-1h"]["channel"], rows["b-1h"]["channel"]) == ("champion", "challenger")
    assert set(rows) == {*NAMES, "deep", "empty", "list", "binary", "folder", "copied"}
    for name in set(rows) - set(NAMES):
        assert rows[name]["channel"] is None
        assert "\n" not in rows[name]["remark"]
    for name in ("deep", "empty", "binary"):
        assert rows[name]["remark"].startswith("manifest.json cannot be read: ")
    assert rows["folder"]["remark"].endswith("cannot be read: Is a directory")
    assert rows["copied"]["remark"] == "model_id must be copied as its folder, was a-1h"
    assert main(["list", "--registry", str(registry.root)], now=NOW) == 0
    assert "schema_version" in capsys.readouterr().out


def test_broken_bundles_hide_no_other_from_a_check(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled(registry)
    assert main(["verify", "--json", "--registry", str(registry.root)]) == 1
    faults = {check["name"]: check["fault"] for check in json.loads(capsys.readouterr().out)}
    good = {name for name, fault in faults.items() if fault is None}
    assert good == {*NAMES, CHANNELS}
    assert len(faults) == 9


@pytest.mark.parametrize(
    "order",
    [
        ("rollback", "--interval", "1h", "--who", "ann", "--why", "because"),
        ("promote", "a-1h", "--by-hand", "--who", "ann", "--why", "because"),
        ("promote", "a-1h", "--by-hand", "--who", "ann", "--why", "because", "--dry-run"),
        ("promote", "a-1h", "--evidence", "nowhere"),
        ("verify",),
    ],
)
def test_a_registry_that_is_not_there_is_one_sentence_and_stays_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], order: Sequence[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in ("typo", "typo/below", "file"):
        assert main([*order, "--registry", str(tmp_path / place)]) == 2
        told = capsys.readouterr()
        assert told.err == f"error: registry {tmp_path / place} must be a folder, is none\n"
        assert told.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_lock_is_taken_where_there_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="must be a folder, is none"), locked(tmp_path / "typo"):
        pass
    with pytest.raises(RegistryError, match="must be a folder, is none"):
        Registry(tmp_path / "typo").rollback("1h", at=NOW, who="ann", why="because")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
@pytest.mark.parametrize("name", ["--who", "--why"])
def test_a_decision_of_blanks_is_refused(
    registry: Registry, capsys: pytest.CaptureFixture[str], blank: str, name: str
) -> None:
    before = registry.channels()
    given = {"--who": "ann", "--why": "because"} | {name: blank}
    told = [part for pair in given.items() for part in pair]
    for order in (["promote", "b-1h", "--by-hand"], ["rollback", "--interval", "1h"]):
        with pytest.raises(SystemExit) as stopped:
            main([*order, *told, "--registry", str(registry.root)])
        assert stopped.value.code == 2
        assert f"argument {name}: must not be blank, was {blank!r}" in capsys.readouterr().err
    with pytest.raises(RegistryError, match=rf"{name[2:]}: String should"):
        registry.promote("b-1h", at=NOW, who=given["--who"], why=given["--why"])
    assert registry.channels() == before


@pytest.mark.parametrize(
    "odd", ["../../outside", "/etc", "a/b", "a\\b", ".", "..", ".hidden", "", " ", "a b", "a-1h\n"]
)
def test_a_history_that_names_no_model_is_refused(registry: Registry, odd: str) -> None:
    path = registry.root / CHANNELS
    tree = json.loads(path.read_text())
    tree["history"][0]["to"] = odd
    tree["channels"]["1h"]["champion"] = odd
    path.write_text(json.dumps(tree))
    with pytest.raises(RegistryError, match=r"channels\.json of .* is not valid: history\.0\.to"):
        read_channels(registry.root)
    with pytest.raises(RegistryError, match="before: String should match"):
        change_of(
            at=NOW, interval="1h", action="promote", before=odd, after="a", who="ann", why="because"
        )


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_history_of_no_moment_is_refused(registry: Registry, at: str) -> None:
    path = registry.root / CHANNELS
    tree = json.loads(path.read_text())
    tree["history"][0]["at"] = at
    path.write_text(json.dumps(tree))
    with pytest.raises(RegistryError, match=r"history\.0\.at: Input should be"):
        read_channels(registry.root)


# Shadow logs


def told() -> list[str]:
    market = calm_and_storm(1, count=3)
    return lines({"A.X": market}, lambda _name, each, at: (said(each, at, "m"),))


@pytest.mark.parametrize("ts_event", [2**63, -(2**63) - 1, 10**300])
def test_a_moment_beyond_64_bits_is_named(tmp_path: Path, ts_event: int) -> None:
    tree = json.loads(told()[1]) | {"ts_event": ts_event}
    path = write(tmp_path / "log", [told()[0], json.dumps(tree)])
    with pytest.raises(ShadowLogError, match="log line 2: ts_event must fit 64 bits, was") as fault:
        read_shadow_logs([path])
    assert len(str(fault.value)) < 200


@pytest.mark.parametrize(("field", "at"), [("ohlcv", 4), ("forecasts", 0)])
def test_a_number_beyond_64_bits_is_named(tmp_path: Path, field: str, at: int) -> None:
    tree = json.loads(told()[0])
    tree[field][at] = 10**400 if field == "ohlcv" else tree[field][at] | {"volatility": 10**400}
    path = write(tmp_path / "log", [json.dumps(tree)])
    with pytest.raises(ShadowLogError, match="must be a number of 64 bits, was 1000"):
        read_shadow_logs([path])
