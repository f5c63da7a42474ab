PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

.PHONY: help install train test lint format golden clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "GrandModel needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

install: $(VENV)/.installed  ## Create .venv and install GrandModel into it

train: $(VENV)/.installed  ## Train and judge the strategic team on the embedded synthetic market
	$(BIN)/python train.py

test: $(VENV)/.installed-test  ## Install what the tests need and run the whole suite
	$(BIN)/python -m pytest --numprocesses 2

lint: $(VENV)/.installed-test  ## Style, types, spelling and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/codespell

format: $(VENV)/.installed-test  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove caches (runs under outputs/ stay)
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache outputs/cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
