# `make demo` runs the main job, `make test` the tests; both make what they need.
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.made-from-lock
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench torture nightly contracts contracts-deps clients-deps cassandra \
	chromium web3 history-cassandra lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(LOCKED): requirements.lock .ci/python
	@python=$$(sh .ci/python) && rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(PIP) --no-compile --require-hashes -r requirements.lock
	@touch $@

$(STAMP): $(LOCKED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Trade on disk, checkpoint, kill, reopen, restore, and show it
	@$(BIN)/evm-dex demo

test: $(STAMP) contracts-deps clients-deps cassandra chromium web3 ## Run the tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

lint: $(STAMP) ## Style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP) ## Measure, against named floors, in one run
	@$(BIN)/python -m benchmarks

torture: $(STAMP) ## Kills and damage at length: over a thousand of each, low priority
	@EVM_DEX_PROFILE=torture nice $(BIN)/python -m pytest -q -s tests/torture tests/damage

nightly: $(STAMP) contracts-deps clients-deps cassandra chromium web3 ## The long property and crash runs
	@EVM_DEX_PROFILE=nightly $(BIN)/python -m pytest -q -n 2 --dist loadgroup \
		--timeout 14400

cassandra:
	@sh .ci/cassandra

chromium:
	@sh .ci/chromium

web3: $(STAMP)
	@sh .ci/web3

history-cassandra: $(STAMP) ## A Cassandra server to try the order history with, until Ctrl-C
	@EVM_DEX_CQL= CI=true sh .ci/cassandra
	@$(BIN)/python -m tests.history.cassandra

contracts-deps: contracts/node_modules/.package-lock.json

contracts/node_modules/.package-lock.json: contracts/package-lock.json
	@sh .ci/node
	@cd contracts && npm ci --silent --no-audit --no-fund

clients-deps: tests/clients/node_modules/.package-lock.json

# Not `npm ci`, which insists on the binaries of every platform; a registry may not have them all.
tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json
	@sh .ci/node
	@cd tests/clients && PATH="$$(sh ../../.ci/newer-node):$$PATH" && \
		npm install --no-save --silent --no-audit --no-fund --ignore-scripts

contracts: contracts-deps ## Compile the Solidity sources into contracts/artifacts
	@node contracts/build.mjs

lock: ## Pin the newest versions that pyproject.toml allows (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --group dev --extra cql pyproject.toml -o requirements.lock

clean: ## Remove what was made
	@rm -rf $(VENV) .cassandra .web3 contracts/node_modules tests/clients/node_modules tests/clients/runtime/node_modules \
		demo-data .mypy_cache .pytest_cache .ruff_cache
