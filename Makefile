# Each target does its own set-up into .venv first; the second time that takes no time.
# `make test PYTHON=python3.12` picks another Python for the virtual environment.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-emoji test test-slow test-browser test-scale fuzz kill-test lint bench docs

# `make demo VIDEO=my.mp4 CLASSES="cat; sofa"`: your own video (or folder of frames, or image), your own words.
VIDEO := assets/street.mp4
CLASSES := car; person; dog; bicycle; traffic light
# `make demo-emoji EMOJI="robot; owl; owl" WORDS="robot; owl; key"`: what moves over the street (names:
# projects/emojivis/tools/emoji_names.txt), and what is looked for.
EMOJI := taxi; fox; penguin; rocket; donut
WORDS := taxi; fox; penguin; rocket; donut; owl; guitar; umbrella; tractor; ghost

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the pinned versions and the four packages; CUDA_OPS=1 also compiles mmcv's operators
	@$(PYTHON) tools/setup_workspace.py $(if $(CUDA_OPS),--cuda-ops)

demo: setup ## segment, track and name what is in a video (VIDEO=, CLASSES=): outputs/demo/overlay.mp4
	$(BIN)/python tools/infer.py "$(VIDEO)" --checkpoint weights/photo_mini.safetensors \
		--classes "$(CLASSES)" --out-dir outputs/demo

demo-emoji: setup ## the same with emoji that move over a street (EMOJI=, WORDS=): outputs/emoji/overlay.mp4
	mkdir -p outputs/emoji
	$(BIN)/python projects/emojivis/tools/make_emoji_clip.py assets/street.mp4 outputs/emoji/clip.mp4 --emoji "$(EMOJI)"
	$(BIN)/python tools/infer.py outputs/emoji/clip.mp4 --checkpoint weights/clipvis_nano.safetensors \
		--classes "$(WORDS)" --contrast none --score-thr 0.5 --out-dir outputs/emoji

test: setup ## linter and tests
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -m "not slow"

test-slow: setup ## what takes tens of seconds a test: trainings of several processes, accuracy of shipped weights
	$(BIN)/python -m pytest -m slow

test-browser: setup ## all tests in a browser (Debian: apt install chromium chromium-driver)
	$(BIN)/python -m pytest tests/browser

# `make fuzz SEED=7 CASES=10000`: other damage, and more of it.
SEED := 1
CASES := 5000
fuzz: setup ## every reader of files on CASES damaged inputs (SEED=)
	$(BIN)/python tests/fuzz/runner.py --seed $(SEED) --cases $(CASES)

# `make kill-test SEED=7 KILLS=1000`: at other moments, and more of them.
KILLS := 100
kill-test: setup ## kills runs of infer, test and train KILLS times in all, at random moments (SEED=)
	$(BIN)/python tests/kill/killing.py --seed $(SEED) --kills $(KILLS)

# `make test-scale SEED=7 CLIPS=50 SCALE_KILLS=5`: other kills, fewer clips. Installs Ray into .venv.
CLIPS := 200
SCALE_KILLS := 20
test-scale: setup ## many videos by each engine: equal bytes, random kills (SEED=, CLIPS=, SCALE_KILLS=); some 30 minutes
	$(BIN)/python -m pip install -q -c constraints.txt -e "packages/clipvis-core[ray]"
	$(BIN)/python tests/scale/runner.py --seed $(SEED) --clips $(CLIPS) --kills $(SCALE_KILLS)

lint: setup ## linter and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: setup ## speed and memory, as JSON under outputs/bench
	mkdir -p outputs/bench
	$(BIN)/python tools/benchmark.py eval --out outputs/bench/eval.json
	$(BIN)/python tools/benchmark.py data --out outputs/bench/data.json
	$(BIN)/python tools/benchmark.py train --out outputs/bench/train.json
	$(BIN)/python tools/benchmark.py infer --out outputs/bench/infer.json
	$(BIN)/python tools/benchmark.py batch --out outputs/bench/batch.json

.PHONY: test-docs notebook
test-docs: setup ## examples in docstrings, links and commands in the documents
	$(BIN)/python -m pytest tests/docs

docs: ## the documentation site: build/site/index.html
	@$(PYTHON) tools/setup_workspace.py --docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --clean

notebook: ## runs the notebook again and keeps its outputs in the file
	@$(PYTHON) tools/setup_workspace.py --docs
	$(BIN)/python tools/docs_site/notebooks.py
