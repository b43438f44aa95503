# Each target does its own set-up into .venv first; the second time that takes no time.
# `make test PYTHON=python3.12` picks another Python for the virtual environment.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench docs

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the pinned versions and the four packages (every target starts with it)
	@$(PYTHON) tools/setup_workspace.py

demo: setup ## segment, track and name what is in a short clip: outputs/demo/overlay.mp4
	$(BIN)/python tools/infer.py assets/demo.mp4 --out-dir outputs/demo --classes "dog; grass; person" --topk 3

test: setup ## linter and all tests
	$(BIN)/ruff check .
	$(BIN)/python -m pytest

lint: setup ## linter and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: setup ## speed and memory, as JSON under outputs/bench
	mkdir -p outputs/bench
	$(BIN)/python tools/benchmark.py eval --out outputs/bench/eval.json
	$(BIN)/python tools/benchmark.py data --out outputs/bench/data.json
	$(BIN)/python tools/benchmark.py train --out outputs/bench/train.json
	$(BIN)/python tools/benchmark.py infer --out outputs/bench/infer.json

docs: setup ## examples in docstrings, links and commands in the documents
	$(BIN)/python -m pytest tests/docs
