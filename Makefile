# Everything works from a fresh clone: the environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CLIENTS_VENV ?= .venv-clients
NODE_CLIENT := tests/clients/node
PORT ?= 6443
DATA ?= .data
BACKEND ?= sqlite
ARGS ?=

.DEFAULT_GOAL := help

.PHONY: help compiled serve test acceptance clients check format bench clean

help: ## print what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,test]'
	touch $@

# Half of what a start takes is reading the source, where Python is told to keep no bytecode (PYTHONDONTWRITEBYTECODE).
compiled: $(VENV)/installed
	$(BIN)/python -m compileall -q genericapiserver filters healthz mux options routes examples

serve: compiled ## serve the wardle sample on 127.0.0.1:$(PORT), objects under $(DATA)
	$(BIN)/python -m examples.wardle.standalone --port=$(PORT) --data=$(DATA) --storage-backend=$(BACKEND) $(ARGS)

# A file's tests stay in one process, and share what they have started; most of them wait for somebody most of the time.
test: compiled ## run every test
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

acceptance: compiled ## run the acceptance suite of storage, write docs/storage-acceptance.md
	$(BIN)/python -m pytest tests/storage/test_acceptance.py -n auto --write-acceptance $(ARGS)

$(CLIENTS_VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(CLIENTS_VENV)
	$(CLIENTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[all,test,clients]'
	touch $@

$(NODE_CLIENT)/node_modules: $(NODE_CLIENT)/package.json
	if command -v npm >/dev/null; then npm install --prefix $(NODE_CLIENT) --no-package-lock --no-audit --no-fund && touch $@; fi

clients: $(CLIENTS_VENV)/installed $(NODE_CLIENT)/node_modules ## run other people's clients against a server, write docs/clients.md
	$(CLIENTS_VENV)/bin/python -m pytest tests/clients -W ignore::ResourceWarning -W ignore::pytest.PytestUnraisableExceptionWarning $(ARGS)

check: $(VENV)/installed ## ruff, mypy --strict, layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layering.py tests/test_packaging.py

format: $(VENV)/installed ## let ruff mend and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: compiled ## GET, LIST, CREATE and WATCH against a bare hypercorn in the same run
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what was built, not the data
	rm -rf build dist *.egg-info $(VENV) $(CLIENTS_VENV) $(NODE_CLIENT)/node_modules
