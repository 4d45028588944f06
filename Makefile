# `make demo` is the first thing to run. Everything is installed into .venv.
# No shell settings are needed; PYTHON=... chooses another interpreter.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check install --quiet -c constraints.txt
TIERS  := $(BIN)/python tests/run.py
INPUTS := pyproject.toml constraints.txt hatch_build.py

# Nothing but the installation of packages needs a network.
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help demo lab test fast lint bundles notebooks bench clean

help: ## what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# ------------------------------------------------------------------- installation

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No python3 found: interpwidgets needs Python 3.11 or newer."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1); interpwidgets needs Python 3.11 or newer."; \
	  echo "Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# A stamp an extra: a second call installs nothing. torch comes first, so that no other
# package brings a newer one.
$(VENV)/.installed-%: $(INPUTS) | $(BIN)/python
	@echo "Installing interpwidgets[$*] into $(VENV): some minutes the first time"
	@$(PIP) torch
	@$(PIP) --editable ".[$*]"
	@touch $@

LAB  := $(VENV)/.installed-lab
TEST := $(VENV)/.installed-test

# --------------------------------------------------------------------- looking at it

demo: $(LAB) ## run notebooks/00_start.py and export it: build/00_start.html
	@mkdir -p build
	@$(BIN)/jupytext --quiet --to ipynb --output build/00_start.ipynb notebooks/00_start.py
	@$(BIN)/jupyter execute --inplace build/00_start.ipynb
	@$(BIN)/interpwidgets export build/00_start.ipynb -o build/00_start.html
	@echo "$(CURDIR)/build/00_start.html: $$(wc -c < build/00_start.html) bytes, opens with no network"

lab: $(LAB) notebooks ## JupyterLab on notebooks/
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

notebooks: $(LAB) ## write notebooks/*.ipynb from their .py sources, keeping outputs
	$(BIN)/jupytext --to ipynb --update notebooks/*.py

# --------------------------------------------------------------------------- checks

test: $(TEST) ## every tier that this machine has the tools for (REQUIRE_ALL=1: all)
	@$(TIERS)

fast: $(TEST) ## the default Python tests
	@$(TIERS) python

lint: $(TEST) ## ruff, mypy, import contracts
	@$(TIERS) lint

bundles: ## rebuild interpwidgets/static from js/ (needs node >= 20)
	cd js && npm ci && npm run build

bench: $(TEST) ## benchmarks/: ratios against peers, never a pass or fail
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove what was built here, .venv included
	rm -rf $(VENV) build dist js/node_modules .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
