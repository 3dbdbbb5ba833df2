# The bench. `make demo` and `make test` need nothing beyond Python 3.11+, git and make: they set up .venv by themselves.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BIN := .venv/bin
READY := .venv/.ready

# Two workers: most waiting is for servers and killed processes. Tests of one xdist_group stay on one worker.
PYTEST_ARGS ?= -n 2 --dist loadgroup

# pyright comes with its own Node and its own sources; it must not ask the network whether there is a newer one.
export PYRIGHT_PYTHON_GLOBAL_NODE := 0
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help demo test check format lint types imports snippets wheel fix lock setup clean

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(READY)  ## see an agent act: run the demonstration
	@$(BIN)/agentkit demo

test: $(READY)  ## run all tests
	@scripts/system_packages
	@$(BIN)/pytest $(PYTEST_ARGS)

check: format lint types imports snippets wheel  ## everything else that must hold: format, lint, types, layers, snippets, wheel

format: $(READY)  ## is the code formatted?
	@echo "==> format"
	@$(BIN)/ruff format --check

lint: $(READY)  ## is the code in the house style?
	@echo "==> lint"
	@$(BIN)/ruff check

types: $(READY)  ## do the types hold?
	@echo "==> types"
	@$(BIN)/pyright --project pyproject.toml

imports: $(READY)  ## does every room import only from below, and every library have one door?
	@echo "==> imports"
	@PYTHONPATH=.:tools:sandbox $(BIN)/lint-imports --config pyproject.toml

snippets: $(READY)  ## do the examples and the snippets of README and docs run?
	@echo "==> snippets"
	@scripts/system_packages
	@$(BIN)/pytest tests/docs

wheel: $(READY)  ## does the built wheel work in a clean environment?
	@echo "==> wheel"
	@$(BIN)/python scripts/try_wheel

fix: $(READY)  ## format, and repair what ruff can repair
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lock:  ## pin the newest versions that pyproject.toml allows
	@scripts/lock

setup: $(READY)  ## only set up .venv

$(READY): pyproject.toml requirements/dev.txt scripts/bootstrap
	@scripts/bootstrap

clean:  ## remove everything that was made
	rm -rf .venv build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
