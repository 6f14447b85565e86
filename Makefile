PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

MPLBACKEND ?= Agg
export MPLBACKEND

.PHONY: gradient-decay test slow-test mutants lint format benchmark clean

## Reproduce the gradient-decay plots (the main job).
gradient-decay: $(VENV)/.test
	$(BIN)/python -m experiments gradient_decay

## Run the default test suite.
test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadgroup

## Run the long tests as well.
slow-test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "slow or not slow"

## Break the library and the experiments in one place at a time, and list the breaks that no test sees.
mutants: $(VENV)/.test
	$(BIN)/python -m tests.mutants

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

## Time this library beside flax, haiku, equinox and torch.
benchmark: $(VENV)/.bench
	$(BIN)/python -m experiments benchmark

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	touch $@

clean:
	rm -rf $(VENV)
