# Needs Python 3.11, make and git; fetches the rest. PORT and SIGNOFF_HOME are honoured.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PORT ?= 8000
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11 /usr/bin/python3.1[2-9]) python3)
CHROME ?= $(firstword $(wildcard /usr/bin/chromium /usr/bin/google-chrome))
# Trust what the machine trusts: a company's own certificate authority is in its bundle, not in pip's or uv's.
CERTS := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(CERTS),)
export SSL_CERT_FILE ?= $(CERTS)
export PIP_CERT ?= $(CERTS)
endif
RUN := .venv/bin/python
UV := .venv/bin/uv
PYTEST := $(RUN) -m pytest
SLOW := soak or bench
CLOSED := UV_OFFLINE=1
LOCK := $(UV) pip compile --quiet --no-config --default-index https://pypi.org/simple --python-version 3.11 \
	--generate-hashes --only-binary :all: --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(UPGRADE)
SYNC := $(UV) pip sync --quiet --require-hashes --compile-bytecode

.PHONY: help install browser run demo check test test-k8s lint docs pictures bench soak lock clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed .venv-client/.installed ## environments from the lock files, hashes checked

run: install ## serve on PORT (8000) from SIGNOFF_HOME (./var); migrates first when it has to
	@exec $(RUN) manage.py up --port $(PORT)

demo: install ## the story of two sign-offs, told on a server on PORT; SIGNOFF_HOME keeps it apart from your own data
	@exec $(RUN) manage.py demo --port $(PORT)

check: lint build/serving/.prepared ## lint and the fast tests, under 3 minutes
	$(PYTEST) -n 2 -m "not ($(SLOW) or browser or wire or faults)"

test: install browser build/serving/.prepared ## everything: SQLite, PostgreSQL, unmodified clients, browser
	$(CLOSED) $(PYTEST) -n 2 -m "not ($(SLOW) or browser)"
	$(CLOSED) TEST_DATABASE=postgresql $(PYTEST) -n 2 -m "postgresql and not ($(SLOW))"
	$(CLOSED) CHROME=$(CHROME) $(PYTEST) -n 2 --dist loadfile -m "browser and not ($(SLOW))"

pictures: install browser ## make the README's pictures anew, from the story the browser test walks
	PICTURES=1 CHROME=$(CHROME) $(PYTEST) tests/browser/test_first_light.py

test-k8s: install ## what every target passes, against the cluster that KUBECONFIG and TEST_K8S_* name; see docs/how-to
	$(PYTEST) -n 0 -p no:randomly tests/contracts/targets/test_every_target.py -k kubernetes

lint: export SIGNOFF_HOME := $(CURDIR)/build/lint
lint: install ## style, types, layers, migrations, templates
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) -m tests.lint_templates

docs: install ## write the tables of docs/reference anew, from the code
	$(RUN) -m tests.write_reference

bench: install .venv-peer/.installed .venv-kserve/.installed ## timings, one process, in a fixed order
	$(PYTEST) -p no:randomly -s -m bench

soak: install .venv-client-2/.installed ## long runs, the newest client before MLflow 3, and properties over many examples
	$(PYTEST) -m soak
	$(PYTEST) --hypothesis-profile=explore -m "hypothesis and not ($(SLOW))"

lock: .venv/bin/uv ## resolve the lock files anew; UPGRADE=--upgrade takes newer releases
	$(LOCK) requirements/uv.in -o requirements/uv.lock
	$(LOCK) pyproject.toml -o requirements/app.lock
	$(LOCK) pyproject.toml --group dev -c requirements/app.lock -c requirements/uv.lock -o requirements/dev.lock
	$(LOCK) requirements/client.in -o requirements/client.lock
	$(LOCK) requirements/client-2.in -o requirements/client-2.lock
	$(LOCK) requirements/peer.in -c requirements/client.lock -o requirements/peer.lock
	$(LOCK) requirements/kserve.in -o requirements/kserve.lock
	@! grep -nE '(file|https?)://|(^|[ =])/' requirements/*.lock || { echo "A lock file names a place; it must not."; exit 1; }

clean: ## remove environments, caches and builds; keeps homes
	rm -rf .venv .venv-client .venv-client-2 .venv-peer .venv-kserve build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# uv comes by pip, hashes checked; a new uv means a new environment.
.venv/bin/uv: requirements/uv.lock
	@$(call need,$(PYTHON) -c 'import ensurepip',python3-venv)
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

.venv/.installed: requirements/dev.lock .venv/bin/uv
	$(SYNC) --python .venv/bin/python requirements/dev.lock
	@touch $@

.venv-client/.installed: requirements/client.lock .venv/bin/uv
	$(UV) venv --quiet --no-config --clear --python $(PYTHON) .venv-client
	$(SYNC) --python .venv-client/bin/python requirements/client.lock
	@touch $@

.venv-client-2/.installed: requirements/client-2.lock .venv/bin/uv
	$(UV) venv --quiet --no-config --clear --python $(PYTHON) .venv-client-2
	$(SYNC) --python .venv-client-2/bin/python requirements/client-2.lock
	@touch $@

.venv-peer/.installed: requirements/peer.lock .venv/bin/uv
	$(UV) venv --quiet --no-config --clear --python $(PYTHON) .venv-peer
	$(SYNC) --python .venv-peer/bin/python requirements/peer.lock
	@touch $@

.venv-kserve/.installed: requirements/kserve.lock .venv/bin/uv
	$(UV) venv --quiet --no-config --clear --python $(PYTHON) .venv-kserve
	$(SYNC) --python .venv-kserve/bin/python requirements/kserve.lock
	@touch $@

# The packages of the tests' models: the tests themselves reach nothing but loopback.
build/serving/.prepared: requirements/client.lock tests/prepare.py tests/serving/rig.py tests/serving/make_models.py | install
	$(RUN) -m tests.prepare
	@touch $@

browser: ## a Chromium for the browser tests
	@$(call need,test -n "$(CHROME)" || command -v chromium >/dev/null,chromium fonts-liberation fonts-dejavu-core)

# need CHECK,PACKAGES: when CHECK fails, root installs the packages; anyone else is told the line.
define need
{ $(1); } 2>/dev/null || { \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "Missing here. Run: sudo apt-get install -y --no-install-recommends $(2)"; exit 1; \
	fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; }
endef
