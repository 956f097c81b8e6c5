# What can be done here: `make help`. Needs Python 3.11 or later with venv and ensurepip, nothing else.
PYTHON ?= $(shell $(NEWEST_PYTHON))
VENV ?= .venv
BIN := $(VENV)/bin
# How many tests run at once: one more than two cores have, since many tests wait. Each worker has a PostgreSQL and a
# server of its own, which take about 1 GB.
WORKERS ?= 3
# `make test SEED=...` gives back the order that an earlier run has printed.
SEED := $(or $(SEED),$(shell date +%s))

# Every folder of PATH is looked into: a version manager's command may be there and do nothing but fail.
define NEWEST_PYTHON
for name in python3.14 python3.13 python3.12 python3.11 python3; do IFS=:; for folder in $$PATH; do \
	"$$folder/$$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& echo "$$folder/$$name" && exit; \
done; done
endef
define CHOSEN_PYTHON
python="$(PYTHON)"; "$${python:-false}" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "codeactions needs Python 3.11 or later, with venv and ensurepip, on PATH or as PYTHON=" >&2; exit 1; }
endef

.DEFAULT_GOAL := help
.PHONY: help run test check lint types unit bench format lock python clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(VENV)/.run ## start the server with its embedded PostgreSQL; Ctrl-C stops everything
	@exec $(BIN)/codeactions serve

test: $(VENV)/.dev ## install what is needed, then lint, types and every test
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -q --shuffle=$(SEED) -m alone; alone=$$?; \
	$(BIN)/python -m pytest -q --shuffle=$(SEED) -m "not alone" $(PARALLEL) && exit $$alone
# Whole modules go to a worker, in the seed's order. The tests that run alone come first: one of them compiles Go's
# standard library for all, for which little time would be left while others keep every core busy.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: lint types ## lint and types

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev ## the tests that need no database and no sandbox
	$(BIN)/python -m pytest -q tests/unit

bench: $(VENV)/.dev ## measure against peers: the server, each language, then migrate; about ten minutes
	$(BIN)/python -m bench
	$(BIN)/python -m bench.languages
	$(BIN)/python -m bench.migrate

format: $(VENV)/.dev ## put the source into the house's form
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: $(VENV)/.dev ## renew requirements/*.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra build $(LOCK) -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev $(LOCK) -o requirements/dev.txt
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q

python: ## say which Python a virtual environment is made with: the newest on PATH, or PYTHON=
	@$(CHOSEN_PYTHON); echo "$$python"

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(CHOSEN_PYTHON); echo "using $$python, $$("$$python" --version)"; "$$python" -m venv $(VENV)

# The package is installed in place; its version and entry points are in pyproject.toml alone.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing (once; about half a minute)"
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what the tests need (once; about a minute)"
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run
