# Every target that a line with two hashes describes is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
S2S_ENV := DAGSTER_HOME=$(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-unit test-contract test-integration test-e2e kills dialects bench bench-fleet storm docs clean

help: ## list every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk 'BEGIN {FS = ":.*## "} {printf "  %-18s %s\n", $$1, $$2}'

setup: $(STAMP) ## build .venv with pinned versions; leaves .venv/bin/s2s

# Every run starts a worker of its own: bytecode that is there already spares it seconds (PYTHONDONTWRITEBYTECODE or not).
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) (pinned by constraints.txt)"
	@if command -v uv >/dev/null 2>&1; then \
	    (test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)) && \
	    uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
	    (test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)) && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@$(BIN)/python -m compileall -q s2s_pipelines
	@touch $(STAMP)

demo: setup ## three clients, one shop each, one full cycle through the daemon; ONCE=1: settle, second cycle, exit
	@$(S2S_ENV) $(BIN)/s2s demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

check: setup ## ruff, mypy, import-linter, undeclared imports, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry s2s_pipelines
	$(BIN)/python -m tests.docs

test: check ## make check, then all tests; what has no server on this machine is named in one line
	$(BIN)/python -m pytest $(if $(PYTEST_ARGS),$(PYTEST_ARGS),-q -n 2 --dist loadfile --no-loadscope-reorder)

test-unit: setup ## unit tests: no network, no server, seconds
	$(BIN)/python -m pytest -q tests/unit s2s_pipelines

test-contract: setup ## contract suites for every connector, and the liars; k=<kind> for one
	$(BIN)/python -m pytest -q tests/contract $(if $(k),-k $(k))

test-integration: setup ## real PostgreSQL, MariaDB, ODBC drivers, HTTP sandboxes
	$(BIN)/python -m pytest -q tests/integration

test-e2e: setup ## declarations to raised order, the Dagster UI in a real browser
	$(BIN)/python -m pytest -q tests/e2e

kills: setup ## SIGKILL at every step of an order's way; last line JSON
	@$(S2S_ENV) $(BIN)/python -m tests.kills

dialects: setup ## flat_file on odd and ordinary files; last line JSON
	@$(BIN)/python -m tests.dialects

bench: $(VENV)/.bench ## one client beside dlt, pandas and the wire; SKUS=100000; last line JSON
	@$(S2S_ENV) $(BIN)/python -W ignore -m bench.single $(if $(SKUS),--skus $(SKUS))

# The peers are of no use to anything else.
$(VENV)/.bench: $(STAMP)
	@echo "Installing what the bench compares with (pinned by constraints.txt)"
	@if command -v uv >/dev/null 2>&1; then \
	    uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[bench]'; \
	else \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'; \
	fi
	@touch $@

bench-fleet: setup ## what a fleet costs on real services and PostgreSQL; CLIENTS=1000; last line JSON
	@$(S2S_ENV) $(BIN)/python -W ignore -m bench.fleet $(if $(CLIENTS),--clients $(CLIENTS))

storm: setup ## 50 clients, ten of them broken in ten ways, while the others keep their rhythm; last line JSON
	@$(S2S_ENV) $(BIN)/python -m tests.storm $(if $(CLIENTS),--clients $(CLIENTS)) $(if $(MINUTES),--minutes $(MINUTES))

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python -m tests.docs --write

clean: ## remove what was built and written here
	rm -rf $(VENV) var build .mypy_cache .ruff_cache .pytest_cache .hypothesis
