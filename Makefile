# Everything here sets up what it needs in .venv by itself, once (tools/setup.py). `make help` lists it.

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests run test test-long lint bench screenshots clean

# Choices: make PYTHON=python3.12 …, make run PHOTOS=folder QUERY="words", make test ARGS="-k folder"
PYTHON ?=
PHOTOS ?=
QUERY ?=
ARGS ?=
TORCH_INDEX ?=

BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
SETUP := sh tools/setup.sh --torch-index "$(TORCH_INDEX)"
export PYTHON PHOTOS QUERY

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@echo "  PYTHON=python3.12       use this Python (3.11 or newer)"
	@echo "  TORCH_INDEX=URL         take torch from a further index; without an NVIDIA GPU"
	@echo "                          https://download.pytorch.org/whl/cpu is a much smaller download"

setup: ## install PhotoSearch and its libraries into .venv
	@$(SETUP)

setup-tests:
	@$(SETUP) --tests

run: setup ## open PhotoSearch (PHOTOS=folder adds a folder; QUERY="words" searches it)
	@$(BIN)/python tools/start.py

# Two at a time, and in order: each file's tests together, for they share what is costly to make.
test: setup-tests ## run every test but the long ones (ARGS="-k words" chooses)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: setup-tests ## run the tests that take minutes (kills, thousands of file operations) or the machine for themselves
	@$(BIN)/python -m pytest -m long --timeout 3600 $(ARGS)

lint: setup ## style, formatting, types, unused code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/vulture

bench: setup ## measure, and write benchmarks/results
	@set -e; for script in benchmarks/[a-z]*.py; do $(BIN)/python "$$script"; done

screenshots: setup-tests ## take pictures of the real window into screenshots/ (PHOTOS=folder)
	@test -n "$$PHOTOS" || { echo "Which photos? make screenshots PHOTOS=folder" >&2; exit 2; }
	@$(if $(shell command -v xvfb-run),xvfb-run -a) $(BIN)/python tools/screenshots.py --photos "$$PHOTOS" --out screenshots

clean: ## remove .venv and everything else that was made here
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find photosearch tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
