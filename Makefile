PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

MPLBACKEND ?= Agg
export MPLBACKEND

.PHONY: gradient-decay remedies test leak-test slow-test optimized-test peer-test docs docs-test notebooks ci mutants lint format benchmark clean

## Reproduce the gradient-decay plots (the main job).
gradient-decay: $(VENV)/.test
	$(BIN)/python -m experiments gradient_decay

## Draw the figure of all remedies for vanishing gradients.
remedies: $(VENV)/.test
	$(BIN)/python -m experiments remedies

## Run the default test suite.
test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadgroup

## Train on labels that only a leak between training, validation and test could tell.
leak-test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadgroup -m leaks

## Run the long tests as well.
slow-test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not peers and not browser and not notebooks"

## Compile as users do, with all of XLA's optimisations: gradients, masks, golden files and the driver.
optimized-test: $(VENV)/.test
	OPTIMIZED=1 $(BIN)/python -m pytest -n auto --dist loadgroup tests/cells/test_golden.py tests/bptt tests/unrolling

## Compare with torch, keras, haiku, equinox, onnxruntime and reservoirpy, which the other tests do without.
peer-test: $(VENV)/.peers
	$(BIN)/python -m pytest -n auto --dist loadgroup -m peers

## Make the book in build/docs: run the examples of docstrings and the notebooks, and refuse any warning.
docs: $(VENV)/.docs
	$(BIN)/python -m pytest -n 0 --doctest-modules src/recurrent
	$(BIN)/python -m docs.book build/book
	rm -rf build/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c docs -d build/doctrees build/book build/docs
	$(BIN)/python -m docs.book check build/docs

## Read the book in a browser: links, formulas, figures, search, and the width of a phone.
docs-test: docs
	$(BIN)/python -m pytest -n 0 -m browser tests/docs

## Run all notebooks; they are left in build/notebooks with their figures.
notebooks: $(VENV)/.docs
	$(BIN)/python -m pytest -n 0 -m notebooks tests/notebooks

## What every change must pass.
ci: lint test leak-test optimized-test peer-test notebooks docs

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
