.DEFAULT_GOAL := help
.PHONY: help up test load check docs lock wheel services clean

# Set in a shell for other work, these would make uv or pyenv take another Python or other releases than the tested ones.
unexport PYENV_VERSION UV_PYTHON UV_SYSTEM_PYTHON UV_CONSTRAINT VIRTUAL_ENV

BIN := .venv/bin
LOCK := requirements/llama-stack-0.2.txt
CONSTRAINTS := distribution/constraints.txt
UV = "$$(command -v uv || echo $(BIN)/uv)"
INSTALL = $(UV) pip install --quiet --python $(BIN)/python

help: ## Show what there is
	@awk -F ': .*## ' '/^[a-z]+:.* ## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/installed ## Start the stack on your LiteLLM config (LITELLM_CONFIG=…), or on the demo models
	@$(BIN)/llama-stack-litellm up

test: .venv/installed ## Run the tests (ARGS="-k rag" for some)
	$(BIN)/pytest $(ARGS)

check: .venv/installed ## Run the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The constraints come first: they hold every release that `llama stack build` may choose, the lock the ones of `.venv`,
# and whatever is in both has to be the same.
lock: .venv/uv ## Resolve the releases again (ARGS=--upgrade for the newest)
	$(COMPILE) --group host-build --no-annotate --output-file $(CONSTRAINTS)
	$(COMPILE) --group dev --constraint $(CONSTRAINTS) --generate-hashes --output-file $(LOCK)
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python $(BIN)/python --python-version 3.12 \
	--extra embedded --extra distribution --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(ARGS)

load: .venv/installed ## Run the two minutes of load that `make test` leaves out
	LOAD=1 $(BIN)/pytest -s tests/integration/test_load.py

docs: .venv/installed ## Measure and write anew what docs/ shows
	$(BIN)/python -W ignore -m tests.compatibility
	$(BIN)/python -m tests.config_page

wheel: .venv/installed ## Make the wheel, into dist/
	@rm -rf dist
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@ls dist/*.whl

services: ## Install the Debian packages that some tests need
	@missing=$$(for name in redis-server postgresql; do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
		$$sudo apt-get update && $$sudo apt-get install --yes --no-install-recommends $$missing; \
	fi

clean: ## Remove the environment and all that was built
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: .venv/uv $(LOCK) pyproject.toml
	@echo "Installing $(LOCK) into .venv"
	@$(INSTALL) --require-hashes -r $(LOCK)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# `python3.12` may be a pyenv shim without a 3.12 behind it, so that finding it is not enough.
.venv/uv: .python-version
	@for python in python3.12 python3 python; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.12 is needed (python3.12, or python3 of that version); none was found." >&2; exit 1; fi; \
	$$found -m venv --clear .venv
	@command -v uv >/dev/null || $(BIN)/pip install --quiet uv
	@touch $@
