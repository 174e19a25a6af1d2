# Every target sets up what it needs: `.venv` from requirements.lock, with uv when it is on the PATH, else with pip.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export UV_COMPILE_BYTECODE := 1

.PHONY: help setup run test lint format bench mutants spark-test dev lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 12

setup: $(STAMP)  ## Create .venv from the lock file (quick when nothing changed)

$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) from requirements.lock (a few minutes the first time) ..."
	@if command -v uv >/dev/null 2>&1; then \
	    { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } && \
	    uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock && \
	    uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	    { test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV); } && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@$(BIN)/python -m compileall -q dagster_project  # neither compiles a package that is installed where it stands
	@touch $(STAMP)

lock:  ## Resolve pyproject.toml anew into requirements.lock and requirements-spark.lock (needs uv)
	uv pip compile $(LOCK) --extra dev --extra ducklake --output-file requirements.lock pyproject.toml
	uv pip compile $(LOCK) --extra dev --extra ducklake --extra spark --constraint requirements.lock \
	    --output-file requirements-spark.lock pyproject.toml

LOCK = --quiet --universal --generate-hashes --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock"

CUSTOMERS ?= 2000
MONTHS ?= 36
SEED ?= 7
START ?= 2023-01-01
DEMO ?= data

# The last day of the demo company's files, and the night two months before it on which its first lists leave.
LAST_NIGHT = $$($(BIN)/python -c 'import json, sys; print(max(json.load(open(sys.argv[1])).values()))' $(DEMO)/truth/arrivals.json)
FIRST_LISTS = $$($(BIN)/python -c 'import datetime, sys; print(datetime.date.fromisoformat(sys.argv[1]) - datetime.timedelta(61))' "$(LAST_NIGHT)")

run: $(STAMP)  ## Demo company in, a night, its lists acted on, the last night (CUSTOMERS=2000 MONTHS=36 SEED=7 START=2023-01-01)
	@test -d $(DEMO)/truth || $(BIN)/crm simulate --customers $(CUSTOMERS) --months $(MONTHS) --seed $(SEED) --start $(START) --out $(DEMO)
	@test -f $(DEMO)/truth/reactions.json || { \
	    { CRM_DATA_DIR=$(DEMO) $(BIN)/crm nightly --as-of "$(FIRST_LISTS)" || test $$? -eq 2; } && \
	    { CRM_DATA_DIR=$(DEMO) $(BIN)/crm segments release --all || test $$? -eq 2; } && \
	    $(BIN)/crm simulate --react --out $(DEMO); }
	@CRM_DATA_DIR=$(DEMO) $(BIN)/crm nightly --as-of "$(LAST_NIGHT)" \
	    || test $$? -eq 2  # 2: the demo company's broken files are a warning

test: $(STAMP)  ## All tests
	@$(BIN)/pytest

lint: $(STAMP)  ## Linters and type checker
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 dbt/models dbt/tests
	@$(BIN)/yamllint --strict .

format: $(STAMP)  ## Format Python and SQL
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/sqlfluff fix --disable-progress-bar --quiet dbt/models dbt/tests

SIZES ?= demo S

bench: $(STAMP)  ## Speed and memory: ingestion and nights (SIZES="demo S M L"), rules, values, lists; is lift measured right?
	@$(BIN)/python -m tests.benchmarks --sizes $(SIZES)
	@$(BIN)/python -m tests.benchmarks.large_files
	@$(BIN)/python -m tests.benchmarks.affinity --baskets 250000 500000 1000000
	@$(BIN)/python -m tests.benchmarks.customer_value --customers 250000 500000 1000000 --with-pymc
	@$(BIN)/python -m tests.benchmarks.target_groups --customers 250000 500000 1000000
	@$(BIN)/python -m tests.benchmarks.lift --seeds 100

LAYER ?= kpi

mutants: $(STAMP)  ## Small mistakes put into the KPI models: does a unit test catch each? (LAYER=segments for others)
	@$(BIN)/python -m tests.mutation --layer $(LAYER)

spark-test: $(STAMP)  ## The whole loop with DuckDB and with Spark on a cluster of this machine: are they equal? (needs Java 17; the demo company takes about 45 minutes)
	@$(BIN)/python -c 'import pyspark, dbt.adapters.spark' 2>/dev/null || \
	    { echo "Installing the extra spark (450 MB) ..."; \
	    uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-spark.lock 2>/dev/null \
	    || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-spark.lock; }
	@$(BIN)/python -m tests.spark --customers $(CUSTOMERS) --months $(MONTHS) --seed $(SEED) --start $(START)

dev: $(STAMP)  ## Dagster's UI on http://127.0.0.1:3000
	@CRM_DATA_DIR=$(DEMO) $(BIN)/crm dev

clean:  ## Remove the environment and generated files (data/ stays)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache dbt/target dbt/logs *.egg-info
