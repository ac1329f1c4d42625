# Every target sets up what it needs; stamps under .venv keep it from being done twice. Setting up
# speaks on standard error, so that `make demo ARGS="--once --json"` prints JSON and nothing else.
#
#   make demo ARGS="--once --json"    passes ARGS to the command
#   make setup PYTHON=python3.12      picks the interpreter of .venv

SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.stamp
# Hashes for every file, no compiler, no prompt.
PIP_IN := bin/python -m pip --disable-pip-version-check --no-input install --quiet
PIP := .venv/$(PIP_IN)
# Lock files serve every supported Python and system, and name no address.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format bench faults life lock clean postgres rsyslog strace softhsm node chromium tls screens release-check deploy wheel

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)-project ## Make .venv with the pinned packages and .venv/bin/strongroom

demo: $(STAMP)-demo ## Run the main job end to end with a pretend SP-API; ARGS="--once --json"
	@$(BIN)/strongroom demo $(ARGS)

test: lint postgres rsyslog strace softhsm node chromium deploy $(STAMP)-tls $(STAMP)-s3 $(STAMP)-scan ## Lint, then the whole test suite (as root on Debian it installs what that needs: PostgreSQL, rsyslog, strace, SoftHSM, Node.js, Chromium, systemd, nftables)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: $(STAMP)-dev ## Check style, formatting, types and the import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP)-dev ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup ## Measure this machine; ARGS go to `strongroom bench`
	@$(BIN)/strongroom bench $(ARGS)

faults: $(STAMP)-dev postgres strace ## Every fault test: broken disks, calls, servers, nodes and answers, kills; ends with the counts
	@PYTEST_DEBUG_TEMPROOT=$${TMPDIR:-/tmp} $(BIN)/python -m pytest --long tests/faults $(ARGS)

life: $(STAMP)-dev ## The life of 10,000 orders over 120 days, on the live database and on daily copies; ends with a line of counts
	@$(BIN)/python -m pytest --long -s tests/lifecycle $(ARGS)

lock: $(STAMP)-dev ## Renew requirements/*.txt from *.in; ARGS=--upgrade takes newer versions
	cd requirements && for name in build runtime demo pkcs11 test lint tls s3 scan; do \
		case $$name in \
			demo) others="-c runtime.txt" ;; \
			pkcs11) others="-c runtime.txt" ;; \
			test) others="-c runtime.txt -c demo.txt -c pkcs11.txt" ;; \
			lint) others="-c runtime.txt -c test.txt" ;; \
			*) others= ;; \
		esac; \
		../$(LOCK) $(ARGS) $$others $$name.in --output-file $$name.txt || exit 1; \
	done

tls: $(STAMP)-dev $(STAMP)-tls ## Scan every listener against Mozilla's TLS profile, with sslyze
	@$(BIN)/python -m pytest tests/test_mozilla.py $(ARGS)

release-check: $(STAMP)-dev $(STAMP)-scan postgres rsyslog strace softhsm node chromium deploy $(STAMP)-tls $(STAMP)-s3 ## Scan and test the commit, and ask the gate whether it may be released; needs a network with advisories
	@$(BIN)/python scripts/release_check.py $(ARGS)

wheel: $(STAMP)-project ## Build the wheel into dist/, the same bytes from the same commit, and wheel.txt with its hash
	@sh scripts/wheel.sh

screens: $(STAMP)-dev node chromium ## Renew the pictures of the desk's pages in docs/screens
	@STRONGROOM_TEST_SCREENS=1 $(BIN)/python -m pytest tests/browser/test_walk.py -k wcag $(ARGS)

clean: ## Remove .venv, caches and build products
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

postgres:
	@sh scripts/postgres.sh

rsyslog:
	@sh scripts/rsyslog.sh

strace:
	@sh scripts/strace.sh

softhsm:
	@sh scripts/softhsm.sh

chromium:
	@sh scripts/chromium.sh

deploy:
	@sh scripts/deploy.sh

# After .venv is made: making it clears what is in it.
node: $(STAMP)-venv
	@sh scripts/node.sh

$(STAMP)-venv: scripts/venv.sh
	@sh scripts/venv.sh "$(PYTHON)"
	@touch $@

$(STAMP)-runtime: $(STAMP)-venv requirements/build.txt requirements/runtime.txt
	@echo "installing the pinned packages" >&2
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@touch $@

# Built with the setuptools just installed: nothing is fetched unpinned.
$(STAMP)-project: $(STAMP)-runtime pyproject.toml requirements/runtime.in
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(STAMP)-demo: $(STAMP)-project requirements/demo.txt
	@echo "installing the pinned packages of the demo" >&2
	@$(PIP) --require-hashes -r requirements/demo.txt
	@touch $@

# Apart, because it pins older versions of what we use. It comes as source and is built with our pinned setuptools.
$(STAMP)-tls: $(STAMP)-venv requirements/build.txt requirements/tls.txt
	@echo "installing the pinned TLS scanner" >&2
	@$(BIN)/python -m venv --clear .venv/tls
	@.venv/tls/$(PIP_IN) --require-hashes -r requirements/build.txt
	@.venv/tls/$(PIP_IN) --require-hashes --no-build-isolation -r requirements/tls.txt
	@touch $@

# Apart, because a pretend cloud brings much along.
$(STAMP)-s3: $(STAMP)-venv requirements/build.txt requirements/s3.txt
	@echo "installing the pinned S3 server" >&2
	@$(BIN)/python -m venv --clear .venv/s3
	@.venv/s3/$(PIP_IN) --require-hashes -r requirements/build.txt
	@.venv/s3/$(PIP_IN) --require-hashes --no-build-isolation -r requirements/s3.txt
	@touch $@

# Apart, so that what looks at our packages is none of them.
$(STAMP)-scan: $(STAMP)-venv requirements/build.txt requirements/scan.txt
	@echo "installing the pinned scanners" >&2
	@$(BIN)/python -m venv --clear .venv/scan
	@.venv/scan/$(PIP_IN) --require-hashes -r requirements/build.txt
	@.venv/scan/$(PIP_IN) --require-hashes --no-build-isolation -r requirements/scan.txt
	@touch $@

$(STAMP)-dev: $(STAMP)-project requirements/test.txt requirements/lint.txt
	@echo "installing the pinned test and lint packages" >&2
	@$(PIP) --require-hashes -r requirements/test.txt -r requirements/lint.txt
	@touch $@
