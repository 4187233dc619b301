# Everything here needs python3 (3.11 or newer) and make, and after `make setup` no network, but
# `make build`, which fetches wheels for Lambda.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A stamp per content of requirements/: an install is done again only when a pin changes.
PINS := $(shell cat requirements/*.txt | cksum | cut -d' ' -f1)
LOCAL := $(VENV)/.local-$(PINS)
DEV := $(VENV)/.dev-$(PINS)
SQL := $(wildcard migrations/2*.sql functions/*.sql functions/*/*.sql functions/*/*/*.sql supabase/*.sql) infra/local/bootstrap.sql infra/citus/distribute.sql

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run serve tools test check bench generate build

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(LOCAL) ## .venv with the pinned libraries (the other commands do it when it is due)
	@echo "$(VENV) has what requirements/local.txt pins"

run: $(LOCAL) ## the stack, with a week of sample sessions through the real monitor
	@$(BIN)/python -m infra.local run

serve: $(LOCAL) ## the stack: gateway, Postgres, scheduled jobs; settings in infra/local/README.md
	@$(BIN)/python -m infra.local serve

tools: ## from npm, PyPI and Debian, what some tests need: Supabase CLI, Deno, API clients, PgBouncer …
	@bash infra/tools.sh

test: $(DEV) ## the tests; deployment suites when their folders changed, or with CI=1
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/bench

check: $(DEV) ## lint, formatting, types, SQL, Dockerfile, AWS templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 $(SQL)
	$(BIN)/hadolint infra/container/Dockerfile
	@PYTHON=$(PYTHON) sam/lint

generate: $(LOCAL) ## what follows from the rooms: AWS' templates, requirements, the OpenAPI file
	@$(BIN)/python -m infra.generate

build: $(LOCAL) ## build/<room>.zip for Lambda: python3.13, arm64; options in sam/README.md
	@$(BIN)/python -m sam build $(OPTIONS)

bench: $(DEV) ## ratios against limits measured in the same run
	$(BIN)/python -m tests.bench

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "error: no $(PYTHON); install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $$($(PYTHON) --version) is too old; Vibeloom needs 3.11 or newer:" >&2; \
		echo "       name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu:" >&2; \
		echo "       apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(LOCAL): | $(VENV)/.made
	@echo "installing the pinned libraries into $(VENV) (only when they change) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/local.txt
	@rm -f $(VENV)/.local-*
	@touch $@

$(DEV): $(LOCAL)
	@echo "installing the tools for tests and checks …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@rm -f $(VENV)/.dev-*
	@touch $@
