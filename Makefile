# Every target makes the environment first if it is missing or older than its lock file. `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo demo-emoji up test lint docs lock hooks fuzz mutation clean test-faults test-browser test-processors \
	bench-classifier bench-estimates bench-families bench-gpu bench-hostile bench-judges bench-loading bench-penalties \
	bench-robust bench-scale bench-scores bench-sharding bench-shield bench-startup bench-study bench-training speedrun

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-17s %s\n", $$1, $$2}'

# Some machines forbid Python to keep its compiled files. Then each of the tests' processes compiles torch again.
unexport PYTHONDONTWRITEBYTECODE

# 1. Everything but torch, as wheels with the hashes of requirements.lock; nothing is resolved and nothing is built.
# 2. torch at the version of constraints.txt, without a hash: which build is right depends on the machine (DECISIONS.md).
# 3. This project itself, built by the setuptools of the lock.
# --no-compile: most modules are never imported, and compiling all of them takes 45 seconds.
$(STAMP): pyproject.toml requirements.lock constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked environment into $(VENV) (about two minutes the first time)"
	@$(PIP) install --no-compile --no-deps --require-hashes --only-binary :all: --requirement requirements.lock
	@$(PIP) install --no-compile --constraint constraints.txt torch
	@$(PIP) install --no-compile --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## handwritten digits: shard, train, evaluate, register, promote (under 10 minutes on two cores)
	@$(BIN)/python -m benchmarks.collections.digits .shardgan/sources/digits
	@$(BIN)/shardgan run --config deploy/examples/digits.yaml

demo-emoji: $(STAMP) ## emoji in colour, with the family for small collections (about 40 minutes on two cores)
	@$(BIN)/python -m benchmarks.collections.emoji .shardgan/sources/emoji
	@$(BIN)/shardgan run --config deploy/examples/emoji.yaml

up: $(STAMP) ## the service: Prefect and MLflow servers and workers, until Ctrl-C
	@$(BIN)/shardgan up

test: $(STAMP) lint ## lint, types and the test suite (about 10 minutes on two cores)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP) ## ruff check, ruff format and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test-faults: $(STAMP) ## faults of processes, servers and disks, on real ones (40 minutes)
	@SHARDGAN_FAULTS_TABLE=benchmarks/results/faults.md $(BIN)/python -m pytest -m slow tests/faults

# Chromium comes from the distribution: `apt-get install chromium`. Screenshots of every step are left in test-output/.
test-browser: $(STAMP) ## the service in a real browser, from the form to the champion (needs chromium; some minutes)
	@$(BIN)/python -m pytest -m slow tests/browser

# `make test-processors PATHS="tests/models/metrics tests/tasks/study"` runs a part.
test-processors: $(STAMP) ## the test suite with the arithmetic of other x86-64 processors, six times (an hour)
	@$(BIN)/python -m tests.processors $(PATHS)

docs: $(STAMP) ## build the documentation as a site in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open site/index.html"

hooks: $(STAMP) ## run ruff and mypy before each commit (installs the git hook)
	@$(BIN)/pre-commit install

# Versions that the lock files have already are kept. `make lock UPGRADE=--upgrade` takes the newest that the ranges of
# pyproject.toml allow; `UPGRADE="--upgrade-package NAME"` does so for one package.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --only-binary :all: \
	--constraint constraints.txt --no-emit-package torch --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock"
lock: ## regenerate requirements.lock and deploy/requirements.lock from pyproject.toml and constraints.txt
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(PIP) install uv; }
	@$(COMPILE) $(UPGRADE) --extra dev --output-file requirements.lock
	@$(COMPILE) --constraint requirements.lock --extra service --extra kubernetes --extra onnx --extra telemetry \
		--output-file deploy/requirements.lock

bench-classifier: $(STAMP) ## what the champion's images are worth to a classifier
	@$(BIN)/python -m benchmarks.classifier_gain

bench-estimates: $(STAMP) ## three small runs beside what their dry runs foretold (some minutes)
	@$(BIN)/python -m benchmarks.estimates

bench-families: $(STAMP) ## every network family on digits and emoji at 32x32 (some hours on two cores)
	@$(BIN)/python -m benchmarks.families

# On a machine without this environment, any Python with torch >= 2.11 and what models/ imports will do: set PYTHON.
# `make bench-gpu FLAGS=--smoke` shows on a CPU that every part runs.
bench-gpu: ## the engine on one GPU, against its goals (5 minutes)
	@$(shell test -x $(BIN)/python && echo $(BIN)/python || echo $(PYTHON)) -m benchmarks.gpu $(FLAGS)

bench-hostile: $(STAMP) ## sharding of hostile files
	@$(BIN)/python -m benchmarks.sharding.hostile

bench-judges: $(STAMP) ## whether the two judges agree, with each other and with an eye (half an hour on two cores)
	@$(BIN)/python -m benchmarks.judges

bench-loading: $(STAMP) ## training batches per second, beside four other readers, from disk and from S3 (half an hour)
	@$(BIN)/python -m benchmarks.loading

bench-penalties: $(STAMP) ## gradient penalties of r3: exact, lazy and by finite differences (two hours on two cores)
	@$(BIN)/python -m benchmarks.penalties

bench-robust: $(STAMP) ## compression-robust training beside plain training, on JPEG 15 and 30 (some hours on two cores)
	@$(BIN)/python -m benchmarks.robust

# 20 GB in .cache/bench/scale, which are left there. SIZES="10000,100000" is done in ten minutes.
SIZES ?= 10000,100000,1000000
bench-scale: $(STAMP) ## collections of up to a million images, and a registry of 10,000 runs (an hour on two cores)
	@$(BIN)/python -m benchmarks.scale --sizes $(SIZES)

bench-scores: $(STAMP) ## what the scores cost, 50,000 images against 50,000
	@$(BIN)/python -m benchmarks.scores

bench-sharding: $(STAMP) ## sharding beside other programs, on photographs, textures and emoji
	@$(BIN)/python -m benchmarks.sharding

bench-shield: $(STAMP) ## poisoned collections with and without the filter, and every kind of forgery (an hour on two cores)
	@$(BIN)/python -m benchmarks.shield

bench-startup: $(STAMP) ## how soon commands answer, and open their first image (some minutes)
	@$(BIN)/python -m benchmarks.startup

bench-study: $(STAMP) ## what compression does to digits and emoji, and to generators that learn from them
	@$(BIN)/python -m benchmarks.study

bench-training: $(STAMP) ## our training loop beside a plain one
	@$(BIN)/python -m benchmarks.training

# RECORD="what changed" adds a line to benchmarks/results/speedrun.md; without it, the attempt is only printed.
speedrun: $(STAMP) ## emoji at 64x64 from nothing to a fixed score of the second judge (ten minutes on a core)
	@$(BIN)/python -m benchmarks.speedrun --record "$(RECORD)"

fuzz: $(STAMP) ## every reader of foreign bytes, two minutes each, into benchmarks/results/fuzz.md
	@$(PIP) install --constraint constraints.txt atheris
	@$(BIN)/python -m tests.fuzzing

mutation: $(STAMP) ## small changes are put into formulas and rules one by one; tests must notice (some hours)
	@$(PIP) install --constraint constraints.txt mutmut
	@$(BIN)/python -m benchmarks.mutation

clean: ## remove the environment, the built site and everything that the demo made
	rm -rf $(VENV) .shardgan .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output site
