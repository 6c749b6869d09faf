# Weir: `make` lists the targets. Two of them do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv/bin

# Python keeps what it compiled, whatever the machine says: pytest finds the tests in a third less, a service starts in a sixth less.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup check lint types architecture unit test secrets demo up down status bench bench-drift bench-drift-stack bench-against bench-forwarders bench-openai chaos container-test distributed-test fuzz schemas capabilities clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## create the environments, fetch Kafka, check the weights, build the corpus (idempotent)
	@$(PYTHON) tools/setup.py

setup-tests: ## setup, and what only tests need (kcat, faketime, Node, Go, Alertmanager, PostgreSQL, JDBC)
	@$(PYTHON) tools/setup.py --tests

check: setup ## lint, types, architecture and unit tests; no stack
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target lint types architecture unit

lint: ## ruff: style and formatting
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

types: ## mypy, strict
	@$(VENV)/mypy

architecture: ## import-linter: independent services, pure cores, service anatomy
	@$(VENV)/lint-imports
	@$(VENV)/python tools/schemas.py --check

unit: ## unit tests alone, without the slow ones, laws on fewer examples
	@WEIR_QUICK_RUN=1 $(VENV)/python -m pytest tests/unit -q -n 6 -m "not slow"  # more than cores: half the time is waiting

test: setup-tests lint types architecture ## everything, against the real Kafka, Triton and ClickHouse engine
	@rm -f .weir/tests/results.json
	@WEIR_WHOLE_RUN=1 $(VENV)/python -m pytest tests/integration tests/unit tests/contract -m "not stack" -n 3
	@WEIR_WHOLE_RUN=1 $(VENV)/python -m pytest tests/docs tests/integration tests/e2e tests/chaos -m stack
	@$(VENV)/python -m tools.capabilities --check

secrets: setup ## make ./secrets for docker-compose.yml (docs/containers.md); what is there stays
	@$(VENV)/weir secrets init

demo: setup ## the main job on real input, with its evidence; EXIT=1 stops the stack at the end
	@PYTHONPATH=tests $(VENV)/python -m demo $(if $(EXIT),--exit)

up: setup ## start the embedded stack and stay in the foreground
	@$(VENV)/weir up

down: ## stop the embedded stack
	@$(VENV)/weir down

status: ## processes, memory, endpoints
	@$(VENV)/weir status

bench: setup ## ratios: gateway against Triton, Kafka to ClickHouse, detectors
	@PYTHONPATH=tests $(VENV)/python -m bench.run

bench-against: setup ## gateway and sink beside those of an older commit, in one run: make bench-against COMMIT=8c2fa28
	@PYTHONPATH=tests $(VENV)/python -m bench.against $(COMMIT)

bench-forwarders: setup ## a call to Triton direct, through nginx and through Weir on either gRPC library, by h2load
	@PYTHONPATH=tests $(VENV)/python -m bench.forwarders

bench-openai: setup ## a chat by HTTP to Triton itself, through Weir and through LiteLLM's proxy, by h2load
	@PYTHONPATH=tests $(VENV)/python -m bench.openai_http

bench-drift: setup ## drift on real text: alarms, delays, peers, costs, tables and plots (first run: embeds 21,000 texts)
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/python -m bench.text_drift.run
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(VENV)/python -m bench.quality_alarm

bench-drift-stack: setup ## 20,000 steady events of real text, then a change, through drift, alerts and a signed webhook
	@PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(VENV)/python -m bench.text_drift.on_the_stack

chaos: setup-tests ## every fault on the real stack, one table: acknowledged, stored, lost, duplicates (about 30 min)
	@PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(VENV)/python -m chaos.run $(FAULTS)

container-test: setup ## docker-compose.yml on an engine of its own: build, up, calls, books, every container anew (about ten minutes)
	@PYTHONPATH=tests $(VENV)/python -m containers

distributed-test: setup-tests ## three brokers, one killed and emptied; two of every service; PostgreSQL: one table (about ten minutes)
	@PYTHONPATH=tests $(VENV)/python -m distributed

fuzz: setup ## hostile bytes at every listener, in every record, message, query and definition (10 min, fixed seeds)
	@PYTHONPATH=tests $(VENV)/python -m fuzz

schemas: ## generate types and AsyncAPI from schemas/
	@$(VENV)/python tools/schemas.py

capabilities: ## generate docs/capabilities.md from docs/capabilities.yaml and the tests' marks
	@$(VENV)/python -m tools.capabilities --expected

clean: ## remove what the stack and the tests wrote; keep the environments
	rm -rf .weir/data .weir/run .weir/log .weir/demo .weir/bench
