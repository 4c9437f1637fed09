# Every command a person needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

ENV ?= dev

.PHONY: help setup demo check test faults once kills deploy bench bench-canary lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup: .setup  ## the virtual environment, the CDK command line and the functions' layer, all pinned

.setup: requirements.txt pyproject.toml package-lock.json functions/requirements.txt functions/compaction/requirements.txt functions/release_health/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Headrace needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "Setting up: Python packages, the CDK command line, the functions' layer"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || (echo 'Headrace needs venv; on Debian and Ubuntu: apt install python3-venv'; exit 1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	@uv pip sync --quiet requirements.txt
	@uv pip install --quiet --no-deps --editable .
	@npm ci --silent
	@python -m infra.layer
	@touch .setup

demo: setup  ## everything on this machine: local AWS, deploy, a year of real flights, SQL, the account
	@mkdir -p build
	@headrace local --port 0 --log build/local.log -- sh -c '$(MAKE) --no-print-directory --silent deploy && python -m cli.demo --env $(ENV)'

check: setup  ## lint, format, types, templates: the gate
	ruff check .
	ruff format --check .
	mypy --num-workers 2
	python -m infra.checks

test: setup  ## every test
	pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

faults: setup  ## what goes wrong, alone and in pairs, and that nothing is lost; RUNS=20, SEED=17, LIST=1
	@python -m tests.faults $(if $(RUNS),--runs $(RUNS)) $(if $(FIRST),--first $(FIRST)) $(if $(SEED),--seed $(SEED)) $(if $(LIST),--list)

kills: setup  ## tail-file killed while logs are rotated, and that every line is put once by id; KILLS=100, SEED=1
	@python -m tests.cli.tail.kills $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

once: setup  ## every report of a release counts once: kills, duplicates, disorder, resharding; SEEDS=20
	@python -m tests.test_release_once $(or $(SEEDS),20)
	@python -m tests.faults.release

deploy: setup  ## to the AWS that the environment points at; ENV=prod for the other configuration
	@mkdir -p build
	@headrace contracts diff --env $(ENV) >build/contracts.log || (cat build/contracts.log; exit 1)
	@cdk synth --quiet --context env=$(ENV) --output cdk.out >build/deploy.log 2>&1 || (cat build/deploy.log; exit 1)
	@cdk bootstrap --app cdk.out >>build/deploy.log 2>&1 || (tail -n 40 build/deploy.log; exit 1)
	@cdk deploy --all --require-approval never --app cdk.out >>build/deploy.log 2>&1 || (tail -n 40 build/deploy.log; exit 1)
	@echo "deployed $(ENV); build/deploy.log says what"

bench: setup  ## measure, as ratios against peers in the same run
	python -m tests.benchmarks

bench-canary: setup  ## how often the canary score cries wolf, and how soon it finds what is wrong; QUICK=1
	@python -m tests.benchmarks.canary $(if $(QUICK),--quick)

lock: setup  ## pin the newest versions that fit pyproject.toml
	uv pip compile --quiet --upgrade --universal --all-extras --no-header --no-annotate --output-file requirements.txt pyproject.toml
	for folder in functions functions/compaction functions/release_health; do uv pip compile --quiet --upgrade --no-header --no-annotate --universal --python-version 3.11 --constraints requirements.txt --output-file $$folder/requirements.txt $$folder/requirements.in || exit 1; done
	npm install --package-lock-only

clean:  ## remove what setup and synthesis made
	rm -rf .venv .setup node_modules build cdk.out *.egg-info
