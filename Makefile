.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SITE ?= $(CURDIR)/site
STAMP := $(VENV)/.installed
TOOLS_STAMP := $(VENV)/.installed-tools

.PHONY: help install tools demo serve test bench audit clean

help: ## say what can be done
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## make .venv and install parcferme, pinned

tools: $(TOOLS_STAMP) ## and what tests and checks need

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python deployments/install.py
	touch $@

$(TOOLS_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python deployments/install.py --tools
	touch $(STAMP) $@

demo: install ## publish the built-in sample season into ./site
	PARCFERME_DESTINATION=file://$(SITE) $(BIN)/parcferme demo

serve: install ## serve ./site with the headers S3 would send
	PARCFERME_DESTINATION=file://$(SITE) $(BIN)/parcferme serve

test: tools ## lint, format, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --branch-coverage --numprocesses 5 --dist loadfile --no-loadscope-reorder

bench: tools ## measure races, play 20,000 schedules of all who publish at once; an hour of processor time or two
	$(BIN)/python tests/benchmarks/bench_race.py --scaling
	$(BIN)/python tests/benchmarks/bench_interleavings.py

audit: tools ## look for known vulnerabilities in what is pinned
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean: ## undo install and demo
	rm -rf $(VENV) site .parcferme .node build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
