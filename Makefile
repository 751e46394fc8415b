# Every command starts from here. The comment above a target is its help.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
TESTS ?= tests
WORKERS ?= 4
BENCH ?= core

.PHONY: help setup up test-setup test exercise check format schemas bench containers pdf lock clean

# list the commands
help:
	@awk '/^# /{help=substr($$0,3)} /^[a-z-]+:/{sub(/:.*/,"",$$1); if (help) printf "make %-11s %s\n",$$1,help} !/^# /{help=""}' Makefile

# install the hub in .venv from the pinned packages
setup: $(VENV)/.installed

# run the hub on this machine with the example centre
up: setup
	@exec $(BIN)/samvirke up --example

# install what the tests and checks need as well
test-setup: $(VENV)/.tests-installed

# run the tests (TESTS=tests/watch for some of them, WORKERS=0 for one process)
test: test-setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not timed" $(TESTS) || [ $$? -eq 5 ]
	@$(BIN)/python -m pytest -q -m timed $(TESTS) || [ $$? -eq 5 ]

# play the whole exercise Ask on two hubs side by side (make test plays its first half)
exercise: test-setup
	@SAMVIRKE_TEST_EXERCISE=whole $(BIN)/python -m pytest -q tests/exercises

# check format, lint, types and who imports whom
check: test-setup
	@$(BIN)/ruff format --check --quiet . || { echo "check: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# put the code in the common format
format: test-setup
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

# write schemas/json/ anew from the catalogue
schemas: setup
	@$(BIN)/python -m schemas.catalogue
	@$(BIN)/python -m services.desk.openapi

# install what makes PDF of situation reports
pdf: setup
	@$(PIP) install --require-hashes -r requirements-pdf.lock

# measure one part (BENCH=core)
bench: test-setup
	@$(BIN)/python -m tests.bench.$(BENCH)

# build the image and run docker-compose.yml for real, as root with podman
containers: test-setup
	@$(BIN)/python -m tests.containers

# choose the pinned versions anew; needs uv
lock:
	@$(LOCK) --upgrade --extra build -o requirements.lock pyproject.toml
	@$(LOCK) --upgrade --extra build --extra pdf --extra test -c requirements.lock -o requirements-test.lock pyproject.toml
	@echo 'typst' | $(LOCK) -c requirements-test.lock -o requirements-pdf.lock -

# remove what make has made, never the hub's data
clean:
	@rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find schemas services tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }
	@echo "setup: making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "setup: no virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "setup: installing the pinned packages (about a minute the first time)"
	@$(PIP) install --require-hashes -r requirements.lock
	@echo "setup: installing samvirke"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.tests-installed: requirements-test.lock $(VENV)/.installed
	@echo "setup: installing the tools of the tests"
	@$(PIP) install --require-hashes -r requirements-test.lock
	@touch $@
