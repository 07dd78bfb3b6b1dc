# Every target builds what it needs by itself; `make` alone lists them. GNU make 3.81 is enough.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.sluice-setup
AI := $(VENV)/.sluice-ai
DOCS := $(VENV)/.sluice-docs
BROWSER := $(VENV)/.sluice-browser
MANIFEST := dbt/target/manifest.json
DBT_SOURCES := $(shell find dbt -name target -prune -o -name logs -prune -o \( -name '*.sql' -o -name '*.yml' \) -print 2>/dev/null)

export DAGSTER_HOME := $(CURDIR)/dagster_home
export DO_NOT_TRACK := 1
# Without byte code every start would compile Dagster anew (seconds of CPU).
unexport PYTHONDONTWRITEBYTECODE

# Extra words for a command: make run ARGS="--symbols 300 --no-edge"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup ai run dev docs test test-slow check bench lock clean clean-data

help: ## list the targets
	@echo "Sluice: the whole market in, only gold out. First time? make run"
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup: $(STAMP) $(MANIFEST) $(BROWSER) ## build .venv from the hashed lock and parse dbt (other targets do it by themselves)

ai: $(AI) ## add the optional extra for neural networks and reinforcement learning (JAX, 86 MB)

run: $(STAMP) $(MANIFEST) ## the whole line once: 2,610 symbols to paper trades, ends by itself
	@$(BIN)/sluice run $(ARGS)

dev: $(STAMP) $(MANIFEST) $(BROWSER) ## exchange, Valkey, engine, the dashboard (:8050) and the Dagster UI (:3000)
	@$(BIN)/sluice dev $(ARGS)

docs: $(DOCS) $(MANIFEST) ## the reference from code, then all pages as a site in site/, links checked
	@$(BIN)/sluice docs reference
	@$(BIN)/sluice docs site

test: $(AI) $(DOCS) $(MANIFEST) $(BROWSER) ## all tests but the slow ones, on two processes (one: make test ARGS="-n 0")
	@$(PY) -m pytest -m "not slow" -n 2 --dist loadgroup --reruns 1 -rR $(ARGS)

test-slow: $(AI) $(DOCS) $(MANIFEST) $(BROWSER) ## only the slow tests (minutes)
	@$(PY) -m pytest -m slow $(ARGS)

check: $(STAMP) $(MANIFEST) ## lint, format, types, layers, dbt, definitions: what CI runs before the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dbt --quiet parse --project-dir dbt --profiles-dir dbt
	$(BIN)/dg check defs

bench: $(AI) ## one JSON line per benchmark, against named peers
	@$(PY) -m bench $(ARGS)

lock: $(STAMP) ## resolve the dependencies anew and write the hashed locks
	@sh scripts/lock.sh

clean: ## remove what was generated, never data/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dbt/target dbt/logs
	rm -rf *.egg-info report.html logs site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find dagster_home -mindepth 1 ! -name dagster.yaml -delete

clean-data: ## remove every world under data/: candles, orders, accounts
	rm -rf data

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml scripts/setup.sh scripts/find_python.sh
	@sh scripts/setup.sh

# The tests find planted edges with every kind of model, so they bring the extra; nothing else needs it.
$(AI): $(STAMP) requirements-ai.lock
	@echo "setup: adding the extra ai"
	@UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --python $(PY) --require-hashes -r requirements-ai.lock
	@touch $(AI)

# Sphinx with its theme: only for the site and the tests that build it.
$(DOCS): $(STAMP) requirements-docs.lock
	@echo "setup: adding the extra docs"
	@UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --python $(PY) --require-hashes -r requirements-docs.lock
	@touch $(DOCS)

# The dashboard's chart library. Without a registry nothing else stops: pages say that charts are missing, and the
# next make tries again.
$(BROWSER): $(STAMP) scripts/browser.sh interfaces/ui/package-lock.json interfaces/ui/vendored.py requirements-node.lock
	@if sh scripts/browser.sh; then touch $(BROWSER); else echo "setup: no npm registry, so no charts in sluice ui"; fi

# Dagster reads the marts from the manifest; parsing costs seconds, so it is done once per change.
$(MANIFEST): $(STAMP) $(DBT_SOURCES)
	@$(BIN)/dbt --quiet parse --project-dir dbt --profiles-dir dbt
	@touch $(MANIFEST)
