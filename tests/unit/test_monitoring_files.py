"""The dashboard, the image and the containers fit what there is."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client import CollectorRegistry

from live.monitoring.instruments import Instruments
from live.monitoring.metrics import Metrics
from morningstar_strategy.settings.monitoring import MonitoringPolicy
from tests.acceptance.conftest import commands_of

ROOT: Final = Path(__file__).parents[2]
MONITORING: Final = ROOT / "live/monitoring"
SUFFIXES: Final = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}


def sample_names() -> set[str]:
    """Name every sample that the registry may ever hold."""
    families = Metrics(now_ns=lambda: 0).registry.collect()
    return {f"{family.name}{end}" for family in families for end in SUFFIXES[family.type]}


def labels() -> dict[str, set[str]]:
    """Give the labels of every own metric by its family's name."""
    metrics = vars(Instruments(CollectorRegistry())).values()
    return {each._name: set(each._labelnames) for each in metrics if hasattr(each, "_labelnames")}


# ---------------------------------------------------------------- Grafana


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    told: dict[str, Any] = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    return told


def queries(dashboard: dict[str, Any]) -> list[tuple[str, str]]:
    """Give every query with its legend."""
    return [
        (target["expr"], target["legendFormat"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def test_every_metric_of_the_dashboard_exists(dashboard: dict[str, Any]) -> None:
    named = {
        name for query, _ in queries(dashboard) for name in re.findall(r"morningstar_\w+", query)
    }
    assert named - sample_names() == set()


def test_every_metric_there_is_has_a_place_on_the_dashboard(dashboard: dict[str, Any]) -> None:
    text = " ".join(query for query, _ in queries(dashboard))
    assert [name for name in labels() if not re.search(rf"{name}(_total|_bucket)?\{{", text)] == []


def test_legends_and_groups_use_labels_that_there_are(dashboard: dict[str, Any]) -> None:
    for query, legend in queries(dashboard):
        (name,) = set(re.findall(r"(morningstar_\w+?)(?:_total|_bucket)?\{", query))
        known = labels().get(name, set()) | {"le", "job"}
        used = set(re.findall(r"\{\{(\w+)\}\}", legend))
        for group in re.findall(r" by \(([^)]*)\)", query):
            used |= {label.strip() for label in group.split(",")}
        assert used <= known, query
        assert query.count("(") == query.count(")")
        assert query.count("{") == query.count("}")
        assert '{job=~"$job"' in query


def test_the_dashboard_asks_for_its_data_source_and_its_panels_do_not_overlap(
    dashboard: dict[str, Any],
) -> None:
    variables = {each["name"]: each["type"] for each in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    assert dashboard["schemaVersion"] >= 39
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert all(0 <= x < 24 for x, _ in cells)
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


# ---------------------------------------------------------------- the image


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile: words and what they are told, with continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(word.upper(), told) for word, told in pairs]


def told(word: str) -> list[str]:
    return [said for each, said in instructions() if each == word]


def copied(*, final: bool) -> list[str]:
    """Name what is copied from the checkout into the last stage, or into those before it."""
    found: list[str] = []
    stage, stages = 0, len(told("FROM"))
    for word, said in instructions():
        stage += word == "FROM"
        parts = shlex.split(said) if word == "COPY" else []
        if parts and not parts[0].startswith("--from") and (stage == stages) is final:
            found += parts[:-1]
    return found


def test_the_image_is_built_in_two_stages_from_a_named_release() -> None:
    (base,) = told("ARG")
    assert re.fullmatch(r"BASE=python:3\.12-slim(-\w+)?(@sha256:[0-9a-f]{64})?", base)
    assert [said.split()[0] for said in told("FROM")] == ["${BASE}", "${BASE}"]


def test_the_image_runs_as_nobody_in_particular_and_is_asked_how_it_is() -> None:
    words = [word for word, _ in instructions()]
    assert told("USER") == ["10001:10001"]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("COPY", "RUN"))
    (check,) = told("HEALTHCHECK")
    assert "/health" in check
    assert f"'127.0.0.1', {MonitoringPolicy().port}" in check
    assert told("ADD") == []
    assert json.loads(told("ENTRYPOINT")[0]) == ["python", "live/run_node.py"]
    assert json.loads(told("CMD")[-1]) == ["--config", "config/paper-local.yaml"]


def test_no_secret_is_named_in_the_image() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"(?i)(key|secret|passphrase|password|token)\w*\s*[=:]", text)


def test_all_that_is_copied_exists_and_is_let_in() -> None:
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    sources = set(copied(final=True)) | set(copied(final=False))
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert sources == let_in


def test_the_image_holds_all_that_its_modules_import(tmp_path: Path) -> None:
    for source in (*copied(final=True), *copied(final=False)):
        place, ignored = tmp_path / source, shutil.ignore_patterns("__pycache__")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=ignored)
        else:
            shutil.copy(ROOT / source, place)
    names = [
        ".".join(path.relative_to(tmp_path).with_suffix("").parts).removesuffix(".__init__")
        for folder in ("live", "tests/venue")
        for path in sorted((tmp_path / folder).rglob("*.py"))
        if path.stem != "__main__"
    ]
    assert "live.monitoring.actor" in names
    ours = ("live", "catalog", "tests", "morningstar_strategy", "ccxt_nt", "backtests")
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        f"ours = {ours!r}\n"
        "files = [m.__file__ for n, m in sys.modules.items() if n.split('.')[0] in ours]\n"
        "print([f for f in files if f and not f.startswith(sys.argv[1])])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *names],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{tmp_path / 'adapters'}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def blocks(name: str) -> dict[str, str]:
    """Read a lock: each requirement with its hashes by its name, for whatever system it is."""
    text = (ROOT / name).read_text(encoding="utf-8").rstrip("\n")
    found = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r" ;[^\\\n]*", " ", text))
    return {
        canonicalize_name(re.split(r"[^A-Za-z0-9._-]", block, maxsplit=1)[0]): block
        for block in found
    }


def test_the_images_libraries_are_those_of_the_tests_and_complete() -> None:
    live, everything = blocks("requirements-live.lock"), blocks("requirements-dev.lock")
    assert {name: everything[name] for name in live} == live
    assert all("--hash=sha256:" in block for block in live.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(r for e in ("build", "ccxt", "llm", "live") for r in extras[e]),
    ]
    todo = [Requirement(text) for text in asked]
    seen: set[str] = set()
    while todo:
        wanted = todo.pop()
        key = f"{canonicalize_name(wanted.name)}{sorted(wanted.extras)}"
        if key in seen:
            continue
        seen.add(key)
        assert canonicalize_name(wanted.name) in live, f"{wanted} is not in requirements-live.lock"
        for text in distribution(wanted.name).requires or ():
            below = Requirement(text)
            marker = below.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *wanted.extras)):
                todo.append(below)


# ---------------------------------------------------------------- the containers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return told


def test_every_container_is_held_small_and_reached_from_this_machine_only(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert not service["user"].startswith("0:"), name
        assert "privileged" not in service, name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert name == "node" or re.fullmatch(r"[\w/]+:v?\d[\w.-]*", service["image"]), name
        assert name == "node" or service["profiles"], name


def test_the_containers_volumes_files_and_secrets_are_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            known = (
                (ROOT / source).is_file()
                if source.startswith(".")
                else source in compose["volumes"]
            )
            assert known, volume
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        names = " ".join(service.get("environment", {}))
        assert not re.search(r"PASSWORD(?!_FILE)|TOKEN|API_KEY|SECRET", names)


def test_the_node_in_a_container_can_be_scraped(compose: dict[str, Any]) -> None:
    command = compose["services"]["node"]["command"]
    changes = dict(
        each.removeprefix("monitoring.").split("=") for each in command if "monitoring." in each
    )
    policy = MonitoringPolicy.model_validate(changes)
    assert (policy.host, policy.expose) == ("0.0.0.0", True)
    scraped = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"node:{policy.port}"]}]


def test_grafana_finds_its_data_source_and_dashboard(compose: dict[str, Any]) -> None:
    sources = yaml.safe_load((MONITORING / "grafana-datasources.yml").read_text(encoding="utf-8"))
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    boards = yaml.safe_load((MONITORING / "grafana-dashboards.yml").read_text(encoding="utf-8"))
    path = boards["providers"][0]["options"]["path"]
    mounted = [each.split(":")[1] for each in compose["services"]["grafana"]["volumes"]]
    assert f"{path}/grafana.json" in mounted


# ---------------------------------------------------------------- what the page tells to type


def page_commands() -> list[str]:
    return commands_of((ROOT / "docs/monitoring.md").read_text(encoding="utf-8"))


def test_every_command_of_the_page_is_run_or_checked_by_a_test(compose: dict[str, Any]) -> None:
    known = ("curl -s http://127.0.0.1:9464/", "docker compose ", "hadolint ", "compose-lint ")
    assert [command for command in page_commands() if not command.startswith(known)] == []
    profiles = {p for each in compose["services"].values() for p in each.get("profiles", ())}
    assert set(re.findall(r"--profile (\w+)", " ".join(page_commands()))) == profiles


@pytest.mark.parametrize("linter", ["hadolint", "compose-lint"])
def test_the_build_files_are_free_of_what_a_linter_finds(linter: str) -> None:
    beside = Path(sys.executable).parent / linter
    found = str(beside) if beside.is_file() else shutil.which(linter)
    if found is None:
        pytest.skip(f"{linter} is not installed")
    (command,) = [each for each in page_commands() if each.startswith(f"{linter} ")]
    done = subprocess.run(
        [found, *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout


def test_the_settings_of_the_page_are_settings() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    policy = MonitoringPolicy.model_validate(yaml.safe_load(shown)["monitoring"])
    assert policy.alerts.channels == ("log", "webhook", "telegram")


def test_the_labels_of_the_page_are_the_labels_there_are() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(morningstar_\w+)` \| \w+ \| ([^|]*) \|", page, flags=re.MULTILINE)
    listed = {name.removesuffix("_total"): set(re.findall(r"`(\w+)`", told)) for name, told in rows}
    assert listed == labels()
