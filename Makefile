# Every command makes what it needs first: a virtual environment beside this file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: demo dev test test-slow check fix bench help clean setup

help: ## Show this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "quire needs Python 3.11 or newer: run make PYTHON=python3.12 (or another)"; exit 1; }
	@echo "Setting up $(VENV): about 100 packages from PyPI (Dagster, PyMuPDF, polars, deltalake, onnxruntime, ...), some 400 MB to download, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(VENV)/.installed ## Make the virtual environment

demo: setup ## PDFs to Delta tables, end to end, on sample PDFs made here
	@$(BIN)/python -m cli.demo

dev: setup ## Dagster UI, daemon and sensors; drop PDFs into landing/
	@$(BIN)/python -m cli.dev

test: setup ## Run every test that can run here; names what it skips
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup

test-slow: setup ## The tests that take minutes
	@$(BIN)/python -m pytest -m slow

check: setup ## Read only: ruff, mypy, the layer rule, the definitions
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m cli.dev --validate

fix: setup ## Let ruff rewrite what it can
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

bench: setup ## Ratios against bare loops, in one run
	@$(BIN)/python -m bench

clean: ## Remove the environment, samples and caches; the lake and the landing zone stay
	rm -rf $(VENV) demo build bench/results *.egg-info .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
