# Everything a newcomer runs. `make` alone prints the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help venv demo up test bench lint format lock clean

ARGS ?=
BIN := .venv/bin
# the stamps carry this folder's name: a copied .venv still belongs to the checkout that it came from
HERE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d' ' -f1)
DEMO_STAMP := .venv/.demo-$(HERE)
DEV_STAMP := .venv/.dev-$(HERE)
# a killed make takes what it runs along
TETHERED := $(BIN)/python -I -S runtime/tether.py --parent $$PPID --

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

venv: $(DEV_STAMP) ## make .venv with everything that development needs

demo: $(DEMO_STAMP) ## play a county of homes against the real system: make demo ARGS="--minutes 3 --report r.json"
	@exec $(TETHERED) $(BIN)/nuanshao demo $(ARGS)

up: $(DEMO_STAMP) ## start everything on this machine and keep it running
	@exec $(TETHERED) $(BIN)/nuanshao up $(ARGS)

test: $(DEV_STAMP) ## all checks and tests, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
ifeq ($(strip $(ARGS)),)
	@# at once: the others wait for real services, each for its own, and what only calculates takes what they leave
	@said=$$(mktemp -d); \
	{ nice $(BIN)/mypy && exec nice $(BIN)/pytest -p no:cacheprovider --numprocesses 2 tests/unit; } > $$said/units 2>&1 & units=$$!; \
	$(BIN)/pytest -p no:cacheprovider tests/e2e tests/bench tests/chaos > $$said/whole 2>&1 & whole=$$!; \
	trap "kill $$units $$whole" INT TERM; \
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/integration; parts=$$?; \
	wait $$whole; whole=$$?; wait $$units; units=$$?; cat $$said/whole $$said/units; rm -rf $$said; \
	[ $$units -eq 0 ] && [ $$whole -eq 0 ] && [ $$parts -eq 0 ]
else
	$(BIN)/mypy
	@exec $(BIN)/pytest $(ARGS)
endif

bench: $(DEV_STAMP) ## a short benchmark, judged by ratios and books; the figures: .venv/bin/nuanshao bench ingest
	@exec $(BIN)/pytest tests/bench $(ARGS)

lint: $(DEV_STAMP) ## the checks alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_STAMP) ## format the code and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-index-url --no-emit-find-links --no-annotate

lock: $(DEV_STAMP) ## resolve the dependencies of pyproject.toml again (minutes); ARGS=--upgrade takes newer ones
	$(COMPILE) $(ARGS) --extra dev --output-file requirements-dev.lock pyproject.toml
	sed -n 's/^\([A-Za-z0-9._-]*==[^ ]*\).*/\1/p' requirements-dev.lock > .venv/versions.txt
	echo 'setuptools>=77' | $(COMPILE) --constraint .venv/versions.txt --output-file requirements.lock pyproject.toml -

clean: ## remove .venv and caches; the data in .nuanshao stay
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Makes .venv where there is none that works here, then installs the lock file $(1) and the project itself.
define install
	@set -eu; \
	refuse() { echo "nuanshao: $$1" >&2; exit 1; }; \
	if ! { $(BIN)/python -c '' && grep -qsF -- '$(CURDIR)/.venv' .venv/pyvenv.cfg; } 2>/dev/null; then \
		python=; \
		for name in python3.13 python3.12 python3.11 python3; do \
			if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
		done; \
		[ -n "$$python" ] || refuse "Python 3.11 or newer was not found: install it, for example apt-get install python3 python3-venv"; \
		"$$python" -c 'import venv, ensurepip' 2>/dev/null \
			|| refuse "$$python lacks its venv module: apt-get install python3-venv"; \
		rm -rf .venv; \
		"$$python" -m venv '$(CURDIR)/.venv' >/dev/null || refuse "$$python could not make .venv: is there room on the disk?"; \
	fi; \
	free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1024) }'); \
	[ "$$free" -ge $(2) ] || refuse "$$free MB free here, .venv needs $(2) MB: make room"; \
	echo "nuanshao: installing $(1) into .venv (minutes on the first run)"; \
	install() { \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input "$$@" >.venv/install.log 2>&1 && return; \
		grep -q 'No space left' .venv/install.log && refuse "no space left on the disk: make room"; \
		refuse "pip: $$(grep '^ERROR' .venv/install.log | tail -1 | cut -c1-200) (all of it: .venv/install.log)"; \
	}; \
	install --require-hashes -r $(1); \
	install --no-deps --no-build-isolation --editable .
endef

$(DEMO_STAMP): requirements.lock pyproject.toml
	$(call install,requirements.lock,700)
	@touch $@

$(DEV_STAMP): requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock,1500)
	@touch $@ $(DEMO_STAMP)
