# On a fresh machine with Python >= 3.11, pip and make, `make demo`, `make stories` and `make test` do all set-up.
PYTHON ?= python3
BIN := .venv/bin

PYTEST := $(BIN)/pytest --dist worksteal
# One more than there are cores, since some of the slow tests wait most of their time.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(os.cpu_count() + 1, 4))')

# Tests start hundreds of processes, each of which would compile all modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo stories test quick lint clean

demo: .venv/installed
	$(BIN)/textgen train --minutes 2
	@for temperature in 0.4 0.7 1.0; do \
		printf '\n--- temperature %s ---\n' $$temperature; \
		$(BIN)/textgen sample --temperature $$temperature --length 500 --seed 1 || exit; \
		echo; \
	done

stories: .venv/installed
	$(BIN)/python benchmarks/stories.py

test: lint
	$(PYTEST) --numprocesses $(WORKERS)

# For use after each change: all but the tests that are marked as slow.
quick: lint
	$(PYTEST) --numprocesses auto --maxprocesses 4 -m 'not slow'

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "textgen needs Python >= 3.11; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --disable-pip-version-check --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache
