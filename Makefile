# Every target that needs packages makes its own environment first (.venv, from requirements.lock, with hashes).
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SCALE := .venv-scale
# so long may the packages of several machines, and then their test, take; an interruption lets its services end
SCALE_SECONDS ?= 900
WITHIN := timeout --signal=INT --kill-after=30
YEAR ?= 2025
# two workers, whole files: what a file prepares is prepared once; in the order of tests/conftest.py
BOTH := -n 2 --dist loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: setup-scale scale-test lock-scale check-app lock-app help setup demo nightly ingest report form check status serve test thorough lint format bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## the environment in .venv, from the lock file with hashes

$(READY): requirements.lock pyproject.toml
	@echo "Umgebung wird eingerichtet (.venv) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 oder neuer wird gebraucht."; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib > /dev/null 2>&1 || true # on all processors; some files in packages are no Python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $(READY)
	@echo "Umgebung ist bereit."

demo: $(READY) ## sample deliveries, two nights, the report: the main job end to end in data/
	@$(BIN)/monitor demo

nightly: $(READY) ## the nightly run: inbox, indicators, snapshot (Prefect)
	@$(BIN)/monitor nightly

ingest: $(READY) ## process the inbox once, without Prefect
	@$(BIN)/monitor ingest

report: $(READY) ## the yearly report: make report YEAR=2025
	@$(BIN)/monitor report --year $(YEAR)

form: $(READY) ## a delivery workbook: make form REGION=06414 YEAR=2025
	@$(BIN)/monitor form --region $(REGION) --year $(YEAR) -o Erhebungsbogen_$(REGION)_$(YEAR).xlsx

check: $(READY) ## the full check of one file, nothing is stored: make check FILE=...
	@$(BIN)/monitor check "$(FILE)"

status: $(READY) ## who has delivered what
	@$(BIN)/monitor status

serve: $(READY) ## keep the nightly run scheduled (Prefect)
	@$(BIN)/monitor serve

test: $(READY) ## all tests
	@$(BIN)/python -m pytest $(BOTH)

thorough: $(READY) ## the long tests: hundreds of kills, browsers, whole publications
	@$(BIN)/python -m pytest $(BOTH) -m thorough

lint: $(READY) ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY) ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## speed and memory beside others and the physical limit, written into docs/performance.md
	@$(BIN)/python -m bench

lock: ## resolve requirements.in again (needs uv)
	@{ echo "# Packages with hashes, made by \`make lock\` from requirements.in; \`make setup\` installs it with --require-hashes."; \
	   uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet requirements.in; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

check-app: ## the offline check as one file, for coordinators without Python (docs/check-app.md)
	@$(PYTHON) packaging/build.py

lock-app: ## resolve requirements-app.in again, in the versions of requirements.lock (needs uv)
	@{ echo "# Packages with hashes, made by \`make lock-app\` from requirements-app.in; packaging/build.py installs it with --require-hashes."; \
	   uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -c requirements.lock requirements-app.in; } > requirements-app.lock.new
	@mv requirements-app.lock.new requirements-app.lock

setup-scale: $(SCALE)/.ready ## the environment for several machines in .venv-scale, from its own lock file (docs/scaling.md)

$(SCALE)/.ready: requirements-scale.lock pyproject.toml
	@echo "Umgebung wird eingerichtet ($(SCALE)) ..."
	@$(PYTHON) -m venv --clear $(SCALE)
	@$(SCALE)/bin/python -m pip install --quiet --disable-pip-version-check --retries 3 --timeout 30 --require-hashes --no-deps -r requirements-scale.lock
	@$(SCALE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $(SCALE)/.ready

scale-test: ## three Dask workers, PostgreSQL and S3 on loopback, one worker killed: the same result as one process
	@if $(WITHIN) $(SCALE_SECONDS) $(MAKE) --no-print-directory setup-scale; then \
	   $(WITHIN) $(SCALE_SECONDS) $(SCALE)/bin/python -m pytest -m scale -rs -s tests/scale; ended=$$?; \
	   if [ $$ended -eq 124 ] && [ "$(SCALE_LATE)" = allowed ]; then echo "Abgebrochen: der Test mit mehreren Rechnern nach $(SCALE_SECONDS) s; er hat nichts gezeigt."; \
	   else exit $$ended; fi; \
	 else echo "Ausgelassen: der Test mit mehreren Rechnern. Seine Pakete (requirements-scale.lock) lassen sich hier nicht einrichten; warum, steht darüber."; fi

lock-scale: ## resolve requirements-scale.in again, beside the versions of requirements.lock (needs uv)
	@sed -n 's/ \\$$//; /^[a-z0-9].*==/p' requirements.lock | grep -v '^duckdb==' > requirements-scale.pins
	@{ echo "# Packages with hashes, made by \`make lock-scale\` from requirements-scale.in; \`make setup-scale\` installs it with --require-hashes."; \
	   uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -c requirements-scale.pins requirements-scale.in; } > requirements-scale.lock.new
	@mv requirements-scale.lock.new requirements-scale.lock; rm requirements-scale.pins

clean: ## remove the environment and caches, never data
	@rm -rf $(VENV) $(SCALE) .venv-app dist .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
