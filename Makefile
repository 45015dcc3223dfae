# The three commands that matter. Each makes the environment first if it is not there yet.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo up test test-faults test-browser lint bench-classifier bench-sharding bench-hostile bench-loading bench-training bench-families bench-robust bench-shield bench-study bench-scores fuzz mutation clean help

help:
	@echo "make demo   handwritten digits: shard, train, evaluate, register, promote (under 10 minutes on two cores)"
	@echo "make up     the service: Prefect and MLflow servers and workers, until Ctrl-C"
	@echo "make test   lint, types and the whole test suite (about 10 minutes on two cores)"
	@echo "make test-browser  the service in a real browser, from the form to the champion (needs chromium; some minutes)"
	@echo "make lint   ruff and mypy --strict"
	@echo "make test-faults  what processes, servers and disks can do wrong, on real ones (40 minutes)"
	@echo "make bench-sharding  ours beside other sharding programs, on photographs, textures and emoji"
	@echo "make bench-training  our training loop beside a plain one"
	@echo "make bench-classifier  what the champion's images are worth to a classifier"
	@echo "make bench-scores  what the scores cost, 50,000 images against 50,000"
	@echo "make bench-families  every family of networks on digits and emoji (some hours on two cores)"
	@echo "make bench-study  what compression does to digits and emoji, and to generators that learn from them"
	@echo "make bench-robust  compression-robust training beside plain training, on JPEG 15 and 30 (some hours on two cores)"
	@echo "make bench-shield  poisoned streams with and without the gate, and every kind of forgery (an hour on two cores)"
	@echo "make bench-loading  training batches a second, ours beside an image folder and webdataset"
	@echo "make fuzz   every reader of what comes from elsewhere, two minutes each, into benchmarks/results/fuzz.md"
	@echo "make mutation  small changes are put into formulas and rules one by one; tests must notice (some hours)"
	@echo "make clean  remove the environment and everything the demo made"

# Some machines forbid Python to keep what it compiled: each of the tests' processes would then compile torch anew.
unexport PYTHONDONTWRITEBYTECODE

# torch is named with its exact pin: left to a range, another package would pull a newer one and gigabytes of CUDA.
# Nothing is compiled ahead: most modules are never imported, and compiling all takes 45 seconds.
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned environment into $(VENV) (about two minutes the first time)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt \
		--editable ".[dev]" $(shell grep '^torch==' constraints.txt)
	@touch $@

up: $(STAMP)
	@$(BIN)/shardgan up

demo: $(STAMP)
	@$(BIN)/python -m benchmarks.collections.digits .shardgan/sources/digits
	@$(BIN)/shardgan run --config deploy/examples/digits.yaml

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: $(STAMP) lint
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-faults: $(STAMP)
	@SHARDGAN_FAULTS_TABLE=benchmarks/results/faults.md $(BIN)/python -m pytest -m slow tests/faults

# Chromium from the distribution: `apt-get install chromium`. Screenshots of every step are left in test-output/.
test-browser: $(STAMP)
	@$(BIN)/python -m pytest -m slow tests/browser

bench-sharding: $(STAMP)
	@$(BIN)/python -m benchmarks.sharding

bench-training: $(STAMP)
	@$(BIN)/python -m benchmarks.training

bench-classifier: $(STAMP)
	@$(BIN)/python -m benchmarks.classifier_gain

bench-scores: $(STAMP)
	@$(BIN)/python -m benchmarks.scores

bench-families: $(STAMP)
	@$(BIN)/python -m benchmarks.families

bench-study: $(STAMP)
	@$(BIN)/python -m benchmarks.study

bench-robust: $(STAMP)
	@$(BIN)/python -m benchmarks.robust

bench-shield: $(STAMP)
	@$(BIN)/python -m benchmarks.shield

bench-hostile: $(STAMP)
	@$(BIN)/python -m benchmarks.sharding.hostile

bench-loading: $(STAMP)
	@$(BIN)/python -m benchmarks.loading

fuzz: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt atheris
	@$(BIN)/python -m tests.fuzzing

mutation: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt mutmut
	@$(BIN)/python -m benchmarks.mutation

clean:
	rm -rf $(VENV) .shardgan .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output
