# The book's commands; `make help` lists them. Needs Python 3.11 or newer with venv, make and git.

PYTHON3 ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
UV := $(VENV)/uv/bin/uv
UV_VERSION := 0.13.9
export UV_HTTP_TIMEOUT ?= 300

# An environment is right for one lock in one folder: both are in its stamp's name.
KEY := $(shell { cat requirements.lock pyproject.toml; echo '$(CURDIR)'; } | \
  git hash-object --stdin)
STAMP := $(VENV)/.synthbook-$(KEY)

.PHONY: help .venv vendor book test lab clean distclean
.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv: $(STAMP) ## make the environment from requirements.lock
$(STAMP):
	@$(PYTHON3) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "synthbook needs Python 3.11 or newer: make PYTHON3=/path/to/python3 $(MAKECMDGOALS)")'
	@test -x $(PY) || $(PYTHON3) -m venv --clear $(VENV)
	@$(UV) --version >/dev/null 2>&1 || { $(PYTHON3) -m venv --clear $(VENV)/uv && \
	  $(VENV)/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); } || true
	@echo "Installing what requirements.lock names; the first time takes minutes and 6 GB."
	@$(UV) pip sync --quiet --python $(PY) --require-hashes requirements.lock || { \
	  echo "uv could not; trying pip, which takes longer."; \
	  $(PY) -m pip install --quiet --no-deps --require-hashes -r requirements.lock; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.synthbook-* && touch $@

vendor: _vendor/.stamp ## fetch the page's third-party JavaScript named by package-lock.json
_vendor/.stamp: package.json package-lock.json web/vendor.py web/figures/worker.js \
    web/figures/tools.js synthbook/figures/web.py | $(STAMP)
	@$(PY) web/vendor.py

book: .venv vendor ## execute every chapter and build _build/html
	@$(PY) _ext/build_book.py --scale laptop --output _build

test: .venv vendor ## unit tests, the book at scale smoke, that site in a browser
	$(PY) -m pytest -m "not site"
	$(PY) _ext/build_book.py --scale smoke --output _build/smoke
	SYNTHBOOK_SITE=_build/smoke/html $(PY) -m pytest -m site

lab: .venv ## JupyterLab on the chapters, with notebooks to do their exercises in
	@$(PY) -m synthbook exercises
	@$(PY) -m jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/chapters

clean: ## remove what was built, keep the environment
	rm -rf _build

distclean: clean ## remove everything that git does not track and make can make again
	rm -rf _vendor node_modules .venv
