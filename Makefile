# Qiangji 强基. `make run` starts the demonstration; `make test` runs every test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 7860
DEMO ?= data/demo
LOCK := constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK)
FAST := tests/unit tests/spec

# With the fast ones these run every branch of the workflow: domain and services.
COVERED := tests/integration/app

.PHONY: run check fix test test-unit test-runtime coverage benchmarks clean

run: $(VENV)/.runtime
	@tools/system-packages.sh $(BIN)/python
	@$(BIN)/qiangji serve --demo --port $(PORT) --data $(DEMO)/store --keys $(DEMO)/keys

$(VENV)/.venv:
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# Installed again only when the lock or pyproject.toml changed.
$(VENV)/.runtime: $(VENV)/.venv pyproject.toml $(LOCK)
	@echo "Installing the runtime (about 820 MB, some minutes the first time) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing what the tests need …"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.train: $(VENV)/.dev
	@echo "Installing the training extra (torch, MONAI) …"
	@$(PIP) --editable '.[dev,train]'
	@touch $@

check: $(VENV)/.train
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Fast first; a failure there ends the run. Kinds of tests: tests/README.md. The tests that the
# coverage gate asks for run once, under it.
test: $(VENV)/.train
	@tools/system-packages.sh $(BIN)/python
	@$(MAKE) --no-print-directory coverage
	$(BIN)/pytest tests $(addprefix --ignore ,$(FAST) $(COVERED))

# One BLAS thread: on small arrays more only spin. Two plugins that these kinds do not use take a
# tenth of the time.
test-unit: export OMP_NUM_THREADS := 1
test-unit: $(VENV)/.dev
	$(BIN)/pytest $(FAST) -p no:hypothesispytest -p no:benchmark

test-runtime: $(VENV)/.dev
	$(BIN)/pytest tests -m "not train"

# Fails under 100 % of the branches of domain and services.
coverage: $(VENV)/.dev
	$(BIN)/pytest $(FAST) --cov --cov-report= --cov-fail-under=0
	$(BIN)/pytest $(COVERED) --cov --cov-append

benchmarks: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) build dist *.egg-info
