# Needs make and python3 >= 3.11, nothing else. Everything lands in .venv and build/.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
STAMP := .venv/.stamp
RUNS := .venv/.runs
PYTEST_ARGS ?= -q -n auto --dist loadfile
TORTURE_ARGS ?=

.PHONY: demo test torture check lock clean

## demo: build the demo plant and take the tour in the terminal
demo: $(RUNS)
	$(BIN)/erp-mcp demo

## test: all tests
test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

## torture: every schedule of deaths and faults, for every write tool, contract and store, and everything at once (TORTURE_ARGS narrow it)
torture: $(STAMP)
	$(BIN)/python -m tests.torture $(TORTURE_ARGS)

## check: form, style, types, import contracts, tool and policy files, content of the wheel; runs no tests
check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/erp-mcp tools lint
	$(BIN)/erp-mcp policy check
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel . > build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }
	@rm -f build.log
	$(BIN)/python -m zipfile -l build/wheel/*.whl

## lock: pin again what requirements/*.in ask for, with hashes (needs uv)
lock:
	for set in run:3.11 build:3.11 dev:3.11 openbao:3.11 wire:3.11 browser:3.11 fsmes:3.12; do \
		$(UV) pip compile --universal --python-version $${set#*:} --generate-hashes --no-header --no-emit-index-url \
			--no-annotate --upgrade -q requirements/$${set%:*}.in -o requirements/$${set%:*}.txt || exit 1; \
	done

## clean: remove what was built
clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(STAMP)

# The environment with what these files pin, and the checkout in it.
define installed
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'erp-mcp needs python3 >= 3.11; try: make PYTHON=python3.12' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes $(foreach pins,$(1),-r requirements/$(pins).txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q erp_mcp  # also where Python is told to write none: every command would compile anew
endef

$(STAMP): requirements/dev.txt pyproject.toml
	$(call installed,dev)
	@touch $(RUNS) $@

$(RUNS): requirements/run.txt requirements/build.txt pyproject.toml
	$(call installed,run build)
	@touch $@
