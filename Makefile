# Everything runs in a virtual environment of its own; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A strict editable install links each file: new files need a new install.
FILES := $(shell find ingest api grafana provisioning -name '*.py' -newer $(VENV)/installed 2>/dev/null | head -1)

.PHONY: demo test lint bench soak secrets clean

demo: $(VENV)/installed
	@$(BIN)/darkscope demo demo $(if $(SERVE),--serve)

test: $(VENV)/tested
	$(BIN)/pytest -n auto --dist worksteal --durations 10

lint: $(VENV)/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p darkscope.ingest -p darkscope.api -p darkscope.grafana -p darkscope.provisioning

bench: $(VENV)/tested
	$(BIN)/python tests/bench/bench.py

soak: $(VENV)/tested
	DARKSCOPE_SOAK_FRAMES=10000000 $(BIN)/pytest -n auto --dist worksteal -m soak --durations 10
	$(BIN)/pytest -n auto --dist worksteal -m "real_captures and not soak"
	DARKSCOPE_SCHEMA_EXAMPLES=300 $(BIN)/pytest tests/api/http/test_real_server.py -k not_described
	DARKSCOPE_TRIES=10 $(BIN)/pytest -n auto --dist worksteal tests/api/test_ledger_store.py tests/api/test_ledger_shares.py tests/ingest/honeypot/test_listener.py tests/ingest/test_unfinished.py
	DARKSCOPE_KILLS=100 $(BIN)/pytest -n auto --dist worksteal tests/ingest/intake/test_kills.py
	DARKSCOPE_R8_SECONDS=600 DARKSCOPE_R8_WRITERS=8 DARKSCOPE_R8_KILLS=50 $(BIN)/pytest -s tests/ingest/ledger/test_r8.py
	DARKSCOPE_R8_SCHEME=gs DARKSCOPE_R8_SECONDS=60 DARKSCOPE_R8_WRITERS=3 DARKSCOPE_R8_KILLS=6 $(BIN)/pytest -s tests/ingest/ledger/test_r8.py
	for spark in cluster connect; do DARKSCOPE_SPARK=$$spark $(BIN)/pytest tests/api/test_store_contract.py tests/api/test_spark_store.py tests/api/command/test_on_spark.py tests/ingest/engine || exit; done
	DARKSCOPE_SURVIVAL_ACTIONS=150 $(BIN)/pytest tests/api/http/test_survival.py
	DARKSCOPE_PROJECTION_KILLS=50 $(BIN)/pytest -n auto --dist worksteal tests/ingest/projection/test_outages.py -k killed_when

secrets:
	@provisioning/secrets.sh secrets

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/installed: $(VENV)/bin/python pyproject.toml $(FILES)
	$(BIN)/pip install --quiet --editable . --config-settings editable_mode=strict
	@touch $@ $(VENV)/bin/python

$(VENV)/tested: $(VENV)/installed
	$(BIN)/pip install --quiet --editable .[dev] --config-settings editable_mode=strict
	@touch $@
