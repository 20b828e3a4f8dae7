.DEFAULT_GOAL := help
.PHONY: help up proxy test test-modes test-all load bench check docs configs matrix lock wheel services clean

# Set in a shell for other work, these would make uv or pyenv take another Python or other releases than the tested ones.
unexport PYENV_VERSION UV_PYTHON UV_SYSTEM_PYTHON UV_CONSTRAINT VIRTUAL_ENV
# Set, as many containers have it, it has each start of a server compile again all that it imports: twice the time.
unexport PYTHONDONTWRITEBYTECODE

# Which server: its environment, and the releases that were tested with it.
HOST ?= 0.2
HOSTS := 0.2 0.7 ogx14 ogx15
ifeq ($(filter $(HOST),$(HOSTS)),)
$(error HOST=$(HOST) is not known; there are: $(HOSTS))
endif
VENV_0.2 := .venv
VENV_0.7 := .venv-0.7
VENV_ogx14 := .venv-ogx14
VENV_ogx15 := .venv-ogx15
LOCK_0.2 := requirements/llama-stack-0.2.txt
LOCK_0.7 := requirements/llama-stack-0.7.txt
LOCK_ogx14 := requirements/ogx-1.4.txt
LOCK_ogx15 := requirements/ogx-1.5.txt

VENV := $(VENV_$(HOST))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PROXY_LOCK := requirements/proxy.txt
CONSTRAINTS := distribution/constraints.txt
UV := .venv/bin/uv

LITELLM_PROXY_CONFIG ?= run_configs/litellm/proxy.yaml
LITELLM_PROXY_PORT ?= 4000
MODES ?= embedded proxy auto
WORKERS ?= 2

help: ## Show what there is
	@awk -F ': .*## ' '/^[a-z-]+:.* ## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(INSTALLED) ## Start the stack on your LiteLLM config (LITELLM_CONFIG=…), or on the demo models (HOST=0.7, …)
	@$(BIN)/llama-stack-litellm up

# One key serves both ends when only the stack's is set. The line to enter has a key that nobody else has.
proxy: .venv-proxy/installed ## Start a LiteLLM Proxy (LITELLM_PROXY_CONFIG=…) for a stack with LITELLM_MODE=proxy
	@key="$${LITELLM_MASTER_KEY:-$$LITELLM_PROXY_API_KEY}"; \
	if [ -z "$$key" ]; then \
		echo "The proxy needs a key, and the stack the same one. Enter this here and where you start the stack:" >&2; \
		echo "  export LITELLM_PROXY_API_KEY=sk-$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(24))')" >&2; \
		exit 1; \
	fi; \
	LITELLM_MASTER_KEY="$$key" LITELLM_LOCAL_MODEL_COST_MAP=True exec .venv-proxy/bin/litellm \
		--config "$(LITELLM_PROXY_CONFIG)" --host 127.0.0.1 --port $(LITELLM_PROXY_PORT)

# Each file in one process, since its tests share servers. What does not depend on the server is tested with 0.2 alone.
test: $(INSTALLED) ## Run the tests (HOST=0.7, ogx14 or ogx15 for another server, ARGS="-k rag" for some of them)
	$(BIN)/pytest $(SIDE_BY_SIDE) $(TESTS) $(ARGS)
SIDE_BY_SIDE = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
TESTS = $(if $(filter-out 0.2,$(HOST)),tests/integration tests/hosts tests/test_run_configs.py)

test-modes: $(INSTALLED) .venv-proxy/installed ## Run the end-to-end tests in every mode (MODES=proxy for one)
	@failed=; for mode in $(MODES); do \
		$(BIN)/pytest $(SIDE_BY_SIDE) --mode $$mode tests/integration $(ARGS) || failed="$$failed $$mode"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed in mode:$$failed" >&2; exit 1; fi

test-all: ## Run the tests with every server
	@failed=; for host in $(HOSTS); do $(MAKE) test HOST=$$host || failed="$$failed $$host"; done; \
	if [ -n "$$failed" ]; then echo "Failed with:$$failed" >&2; exit 1; fi

check: .venv/installed ## Run the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The constraints come first: they hold every release that `llama stack build` may choose, the lock the ones of `.venv`,
# and whatever is in both has to be the same.
lock: $(UV) ## Resolve the releases again (ARGS=--upgrade for the newest)
	$(COMPILE) --extra distribution --group openai2 --group host-build --no-annotate --output-file $(CONSTRAINTS)
	$(COMPILE) --extra distribution $(TESTED) --group openai2 --constraint $(CONSTRAINTS) --output-file $(LOCK_0.2)
	$(COMPILE) --extra distribution-0.7 $(TESTED) --group openai2 --output-file $(LOCK_0.7)
	$(COMPILE) --extra distribution-ogx $(TESTED) --group openai2 --group ogx14 --output-file $(LOCK_ogx14)
	$(COMPILE) --extra distribution-ogx $(TESTED) --group ogx15 --output-file $(LOCK_ogx15)
	$(UV_COMPILE) --group proxy --generate-hashes --output-file $(PROXY_LOCK)
TESTED = --group dev --generate-hashes
COMPILE = $(UV_COMPILE) pyproject.toml --extra embedded
UV_COMPILE = $(UV) pip compile --quiet --universal --python .venv/bin/python --python-version 3.12 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

load: .venv/installed ## Run the two minutes of load that `make test` leaves out
	LOAD=1 $(BIN)/pytest -s tests/integration/test_load.py

bench: .venv/installed .venv-0.7/installed .venv-proxy/installed ## Compare with what users would run instead (ARGS=--quick)
	$(BIN)/python -m benchmarks $(ARGS)

docs: .venv/installed ## Measure and write anew what docs/ shows
	$(BIN)/python -W ignore -m tests.compatibility
	$(BIN)/python -m tests.config_page
	$(BIN)/python -m tests.provider_page
	$(BIN)/python -m tests.usage_picture

# An hour; with every server, in every mode.
matrix: $(foreach host,$(HOSTS),$(VENV_$(host))/installed) .venv-proxy/installed ## Test anew what the README's matrix shows
	@for host in $(HOSTS); do for mode in $(MODES); do \
		$(MAKE) test HOST=$$host TESTS="$(MATRIX)" ARGS="--mode $$mode --record" || exit 1; \
	done; done
	.venv/bin/python -m tests.matrix
MATRIX = $(shell .venv/bin/python -m tests.matrix files 2>/dev/null)

# The path is written down in each file's head.
configs: .venv/installed ## Write the build and run configs anew, of one set of templates
	@for mode in embedded:run proxy:proxy auto:auto; do \
		for host in 0.2: 0.7:llama-stack-0.7/ ogx:ogx/; do \
			.venv/bin/llama-stack-litellm render --force --host $${host%%:*} --mode $${mode%%:*} \
				--run run_configs/$${host#*:}$${mode#*:}.yaml --build distribution/build.yaml >/dev/null || exit 1; \
		done; \
	done

wheel: .venv/installed ## Make the wheel, into dist/
	@rm -rf dist
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@ls dist/*.whl

services: .venv-proxy/installed ## Install what some tests need besides: Debian packages and a LiteLLM Proxy
	@missing=$$(for name in redis-server postgresql chromium; do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
		$$sudo apt-get update && $$sudo apt-get install --yes --no-install-recommends $$missing; \
	fi

clean: ## Remove the environment and all that was built
	rm -rf .venv .venv-0.7 .venv-ogx14 .venv-ogx15 .venv-proxy dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# One rule for each environment. The first holds the uv that makes the others.
define environment
$(VENV_$(1))/installed: $(UV) $(LOCK_$(1)) pyproject.toml
	@echo "Installing $(LOCK_$(1)) into $(VENV_$(1))"
	@test -x $(VENV_$(1))/bin/python || $(UV) venv --quiet --python .venv/bin/python $(VENV_$(1))
	@$(UV) pip install --quiet --compile-bytecode --python $(VENV_$(1))/bin/python --require-hashes -r $(LOCK_$(1))
	@$(UV) pip install --quiet --python $(VENV_$(1))/bin/python --no-deps --no-build-isolation --editable .
	@touch $$@
endef
$(foreach host,$(HOSTS),$(eval $(call environment,$(host))))

.venv-proxy/installed: $(UV) $(PROXY_LOCK)
	@echo "Installing $(PROXY_LOCK) into .venv-proxy"
	@$(UV) venv --quiet --clear --python .venv/bin/python .venv-proxy
	@$(UV) pip install --quiet --compile-bytecode --python .venv-proxy/bin/python --require-hashes -r $(PROXY_LOCK)
	@touch $@

# A uv from elsewhere would not do: it may go away, and the README's commands take the one in .venv.
# `python3.12` may be a pyenv shim without a 3.12 behind it, so that finding it is not enough.
$(UV): .python-version
	@for python in python3.12 python3 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.12 is needed (python3.12, or python3 of that version); none was found." >&2; exit 1; fi; \
	$$found -m venv --clear .venv
	@.venv/bin/pip install --quiet uv
	@touch $@
