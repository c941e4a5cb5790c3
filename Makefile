# Morningstar: every command a user or CI needs. `make help` lists them.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PROFILE ?= ci
WORKERS ?= 3

# A Python 3.12-3.14 that really runs: on PATH, else in pyenv's versions folder.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.14 python3 $(HOME)/.pyenv/versions/3.1[234].*/bin/python; do \
	"$$p" -c 'import sys; raise SystemExit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && { echo "$$p"; break; }; done)

.PHONY: help backtest paper train test check property mutate leaks conformance parity planted faults chaos halts soak adversarial bench lock clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

backtest: $(VENV)/.base ## Set up, make the synthetic sample once, backtest the trained model, then the plain rule
	$(BIN)/python catalog/sample.py --catalog data/sample --if-missing
	$(BIN)/python backtests/run.py --config config/sample.yaml
	$(BIN)/python backtests/run.py --config config/sample.yaml --set predictor.kind=baseline

paper: $(VENV)/.dev ## Set up and trade for two minutes on an exchange of this machine, without keys or network
	$(BIN)/python catalog/sample.py --catalog data/sample --if-missing
	$(BIN)/python live/run_node.py --config config/paper-local.yaml --minutes 2

train: $(VENV)/.dev ## Set up and train, judge and publish a model from the bars in data/catalog
	$(BIN)/python -m morningstar_strategy.model.training --config config/train.yaml

test: $(VENV)/.dev ## Set up and run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/.dev ## Lint, format check, strict types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

property: $(VENV)/.dev ## The laws with a million examples in total (nightly profile)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/property --timeout 0

mutate: $(VENV)/.dev ## Mutation check of risk, bracket and sizing
	$(BIN)/python benchmarks/mutation.py

leaks: $(VENV)/.dev ## Leaks of the future planted on purpose, and what the detectors find of them
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.leaks

conformance: $(VENV)/.dev ## NautilusTrader's adapter test cases on each venue, into docs/venues
	$(BIN)/python -m tests.conformance --write-docs

planted: $(VENV)/.dev ## Differences planted between two runs, each found with its cause, and none in clean pairs
	$(BIN)/python -m tests.planted

parity: $(VENV)/.dev ## Live sessions in each dialect, replayed from their record and compared decision by decision
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.parity

faults: $(VENV)/.dev ## 200 schedules of random faults at each venue
	$(BIN)/python -m tests.faults --schedules 200

chaos: $(VENV)/.dev ## Sessions of a live node with faults and kills, held against the exchange's own ledger
	$(BIN)/python -m tests.chaos --sessions 5 --workers 2

halts: $(VENV)/.dev ## Halts under faults, with nodes that run, hang or die, held against the exchange's own ledger
	for dialect in bitget kucoin gate; do $(BIN)/python -m tests.halting --schedules 12 --dialect $$dialect || exit 1; done

soak: $(VENV)/.dev ## Half an hour of messages and drops
	$(BIN)/python -m tests.faults.soak --minutes 30

adversarial: $(VENV)/.dev ## Hostile replies and news for the supervisor, and what became of each
	$(BIN)/python -m tests.adversarial.run

bench: $(VENV)/.dev ## Ratios against the plain engine and its peers, in one run
	$(BIN)/python benchmarks/run.py

lock: $(VENV)/.dev ## Resolve the pins anew (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra dev --extra ccxt --extra bench --extra train --extra llm --extra live -c requirements.lock --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate -o requirements-dev.lock
	uv pip compile pyproject.toml --extra build --extra ccxt --extra llm --extra live -c requirements-dev.lock --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate -o requirements-live.lock

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.12-3.14 found on PATH or in ~/.pyenv/versions: install one, or say make PYTHON=/path/to/python"; exit 2; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.base: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.base
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

clean: ## Remove the environment, caches, sample data and runs
	rm -rf $(VENV) data/sample data/forecasts data/training runs mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
