# Two commands are all that a person needs: `make demo` and `make test`. Needs Python 3.11+, make and git.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV := $(BIN)/uv pip
POSTGRES_PROGRAMS := /usr/lib/postgresql/*/bin/initdb

# The workflow sandbox imports our modules again and again: uncompiled, that doubles the time of the tests.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: demo test properties chaos cluster sbom lint rules format bench bench-long lock clean help postgres chromium prometheus

demo: $(VENV)/.runtime ## Run five sample orders on an embedded server; on a terminal the Web UI stays up until Ctrl-C
	$(BIN)/python starter.py --embedded

# Types take half a minute of one core, which the tests do not need: they wait for servers, a fifth of their time.
# To collect them once compiles what each of the four processes would else compile for itself.
test: $(VENV)/.dev ## Format check, lint, types, import rules and all tests, as CI runs them
	@$(BIN)/basedpyright > $(VENV)/types.log 2>&1 & types=$$!; \
	$(BIN)/pytest --collect-only --quiet > /dev/null & collecting=$$!; \
	make postgres chromium prometheus rules || { wait; exit 1; }; \
	wait $$collecting; \
	$(BIN)/pytest --numprocesses 4 --dist worksteal; tests=$$?; \
	wait $$types || { cat $(VENV)/types.log; exit 1; }; exit $$tests

properties: $(VENV)/.dev ## 2,000 random lives of orders against the model; other ones each time, some ten minutes
	$(BIN)/pytest tests/properties/test_order_machine.py -k no_order_of_events --hypothesis-profile=thorough

chaos: $(VENV)/.dev ## Strike 1,000 orders with every fault (ORDERS=1000 SEED="1 2" FLOW=parallel CAPTURE=on_dispatch FIRST_ATTEMPTS=local DEPLOYMENT=1 COMPARE=200 REPORT=file)
	$(BIN)/python -m tests.chaos --orders $(or $(ORDERS),1000) --seed $(or $(SEED),1) $(if $(FLOW),--flow $(FLOW)) \
		$(if $(CAPTURE),--capture $(CAPTURE)) $(if $(FIRST_ATTEMPTS),--first-attempts $(FIRST_ATTEMPTS)) \
		$(if $(DEPLOYMENT),--deployment) $(if $(COMPARE),--compare $(COMPARE)) $(if $(REPORT),--report $(REPORT))

cluster: $(VENV)/.dev postgres prometheus ## A production cluster of Temporal on this machine, killed in parts (OPTIONS=--help)
	$(BIN)/python -m tests.cluster $(OPTIONS)

sbom: requirements.lock ## Write sbom.cdx.json: the packages that the image installs, as CycloneDX, from the lock
	$(PYTHON) deploy/sbom.py > sbom.cdx.json

lint: rules ## Format check, lint, types and import rules
	$(BIN)/basedpyright

rules: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.dev ## Measure in less than ten minutes; OPTIONS=--help tells what else it can
	$(BIN)/python -m benchmarks $(OPTIONS)

bench-long: $(VENV)/.dev ## The same at the sizes for which all bounds are stated, and memory: an hour
	$(BIN)/python -m benchmarks --long $(OPTIONS)

lock: $(VENV)/.created ## Pin the newest dependencies that pyproject.toml allows
	$(call compile,requirements.lock,pyproject.toml --extra embedded --extra postgres --extra web --extra fast)
	$(call compile,requirements-dev.lock,pyproject.toml --extra dev --constraint requirements.lock)
	echo uv | $(call compile,requirements-uv.lock,-)

clean: ## Remove the environment and every cache (orders and history in .data stay)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# PostgreSQL is one of the two databases under test. Without it, and outside CI, its half is skipped, loudly.
postgres:
	@if ls $(POSTGRES_PROGRAMS) >/dev/null 2>&1 || command -v initdb >/dev/null; then \
	  true; \
	elif ! command -v apt-get >/dev/null; then \
	  echo "PostgreSQL's server is missing, and this is no Debian: install it yourself" >&2; \
	elif [ "$$(id -u)" = 0 ]; then \
	  $(call install_package,,postgresql); \
	elif sudo -n true 2>/dev/null; then \
	  $(call install_package,sudo -n,postgresql); \
	else \
	  echo "PostgreSQL's server is missing: sudo apt-get install postgresql" >&2; \
	fi

# The pages are tested in a real browser; its headless shell takes the least time, and the browser does as well.
# Without either those tests fail.
chromium:
	@if command -v chromium-headless-shell >/dev/null; then \
	  true; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  { $(call install_package,,chromium-headless-shell); } || command -v chromium >/dev/null; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then \
	  { $(call install_package,sudo -n,chromium-headless-shell); } || command -v chromium >/dev/null; \
	elif ! command -v chromium >/dev/null; then \
	  echo "chromium is missing: install it (Debian: sudo apt-get install chromium-headless-shell)" >&2; \
	fi

# Alerts are tested by its `promtool`, metrics by itself. Only its two programs are wanted, and no service that
# starts with the machine: so they are taken out of the package, which needs no root. Without them tests fail.
prometheus:
	@if command -v promtool >/dev/null || [ -x $(VENV)/prometheus/usr/bin/promtool ]; then \
	  true; \
	elif ! command -v apt-get >/dev/null; then \
	  echo "prometheus is missing, and this is no Debian: install it yourself" >&2; \
	else \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq || true; fi; \
	  mkdir -p $(VENV)/prometheus && cd $(VENV)/prometheus && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . \
	    && rm prometheus_*.deb || echo "prometheus is missing: sudo apt-get install prometheus" >&2; \
	fi

$(VENV)/.created:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements.lock
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: $(VENV)/.created requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.runtime

# uv takes a fifth of pip's time, but knows nothing of pip's settings: where they lead to a mirror, pip installs.
# Python compiles what is imported, once: a third of all modules that are installed here.
define install
$(UV) install --quiet --python $(BIN)/python --require-hashes -r $(1) || $(PIP) install --no-compile --require-hashes -r $(1)
endef

# Hashes for every platform, and no address: a mirror or a proxy serves the same files.
define compile
$(UV) compile --quiet $(2) --output-file $(1) --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
endef

# A package list of a third party that cannot be reached must not stop us; the installation tells.
define install_package
$(1) apt-get update -qq || true; $(1) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -qq $(2)
endef
