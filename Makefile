# One target a habit. A fresh machine needs Python 3.11 or newer and make; uv is used when present.
#   make demo    set up and forecast examples/knee        make check   what every change passes
#   make test    set up and run all tests                 make help    the other targets

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
# First Python that is new enough; say PYTHON=... to choose another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
UV := $(shell command -v uv 2>/dev/null)
# Constraints hold for the versions of Python they were tried on.
PIN := -c constraints.txt
WORKERS ?= 2
# A file stays with one worker, which then computes what its tests share once.
SPREAD := -n $(WORKERS) --dist loadfile
RESULT := results/knee-demo

.PHONY: help setup demo test check format lint types imports units evidence fast full literature fuzz \
	mutants baselines bench scoreboard docs figure constraints clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Exocast needs Python 3.11 or newer; none was found. Install one, or say make PYTHON=/path/to/python." >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) ..."
ifneq ($(UV),)
	@"$(UV)" venv --quiet --python "$(PYTHON)" $(VENV)
else
	@"$(PYTHON)" -m venv $(VENV) || { echo "This Python cannot make environments; on Debian and Ubuntu: apt install python3-venv." >&2; rm -rf $(VENV); exit 1; }
endif

# Two stamps: what the forecast needs, and what the tests need on top.
$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing what a forecast needs (about a minute) ..."
ifneq ($(UV),)
	@"$(UV)" pip install --python $(BIN)/python $(PIN) -e .
else
	@$(BIN)/python -m pip install --disable-pip-version-check --no-compile $(PIN) -e .
endif
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing what the tests need (about a minute) ..."
ifneq ($(UV),)
	@"$(UV)" pip install --python $(BIN)/python $(PIN) -e ".[dev]"
else
	@$(BIN)/python -m pip install --disable-pip-version-check --no-compile --quiet $(PIN) -e ".[dev]"
endif
	@touch $(VENV)/.run $@

setup: $(VENV)/.dev ## environment for work on Exocast

demo: $(VENV)/.run ## set up and forecast examples/knee; ends with the summary and the path of the report
	@rm -rf $(RESULT)
	@$(BIN)/exocast forecast examples/knee/scenario.yaml --out $(RESULT)

test: $(VENV)/.dev ## set up and run all tests
	@$(BIN)/python -m pytest -q $(SPREAD)

check: $(VENV)/.dev ## format, lint, types, import order, units, fast tests
	@$(MAKE) --no-print-directory -j 2 format lint types imports evidence
	@$(MAKE) --no-print-directory fast

format: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ." >&2; exit 1; }

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev
	@$(BIN)/mypy

imports: $(VENV)/.dev
	@$(BIN)/lint-imports

units: $(VENV)/.dev ## every site assembled without a unit warning
	@$(BIN)/python scripts/unit_check.py

evidence: units ## tables complete as well
	@$(BIN)/exocast evidence check

fast: $(VENV)/.dev
	@$(BIN)/python -m pytest -q $(SPREAD) -m "not slow and not literature"

full: $(VENV)/.dev ## every test at its full size, before a release
	@EXOCAST_FULL=1 $(BIN)/python -m pytest -q $(SPREAD)

literature: $(VENV)/.dev ## published studies, in full size
	@EXOCAST_FULL=1 $(BIN)/python -m pytest -q $(SPREAD) tests/literature

fuzz: $(VENV)/.dev ## ten thousand bent and broken SBML models, in child processes
	@EXOCAST_FULL=1 $(BIN)/python -m pytest -q tests/engine/test_fuzz_sbml.py

mutants: $(VENV)/.dev ## plants faults one at a time; each must redden a named test
	@$(BIN)/python scripts/mutants.py

baselines: $(VENV)/.dev ## rewrites tests/baselines; the change says why they moved
	@$(BIN)/python scripts/baselines.py

# Peers are optional: one that cannot be installed is named as missing in the tables.
$(VENV)-bench/.run: pyproject.toml benchmarks/requirements.txt
	@echo "Setting up $(VENV)-bench (some minutes; AMICI alone takes about ten) ..."
	@"$(PYTHON)" -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --disable-pip-version-check --quiet $(PIN) -e .
	@sed -e 's/#.*//' -e '/^ *$$/d' benchmarks/requirements.txt | while read -r peer; do \
		PATH="$(CURDIR)/$(VENV)-bench/bin:$$PATH" $(VENV)-bench/bin/python -m pip install \
			--disable-pip-version-check --quiet "$$peer" || echo "without $$peer"; done
	@touch $@

bench: $(VENV)-bench/.run ## the batched engine beside its peers; writes docs/benchmarks.md (BENCH=--quick)
	@$(VENV)-bench/bin/python benchmarks/bench.py $(BENCH)

scoreboard: $(VENV)/.dev ## every measured experiment beside its simulation; rewrites docs/scoreboard.md
	@$(BIN)/python scripts/scoreboard.py --write

docs: $(VENV)/.dev ## the pages of docs/ are Markdown; their code runs as tests
	@$(BIN)/python -m pytest -q tests/house/test_docs.py

figure: $(VENV)/.run ## the picture of the README, from a forecast of examples/knee
	@$(BIN)/python scripts/make_readme_figure.py

constraints: $(VENV)/.dev ## pins what is installed now
	@$(BIN)/python scripts/write_constraints.py

clean: ## removes the environment and what tools leave behind
	@rm -rf $(VENV) $(VENV)-bench build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
