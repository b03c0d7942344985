# Pantry's commands. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# `debug` builds quickly, `release` runs quickly.
RUN_CONFIGURATION ?= debug

# The compiler then keeps the walls between targets. A build that breaks one still prints "Build complete!" last, so nothing
# here reads that text: only the exit status counts.
IMPORT_CHECK := --explicit-target-dependency-import-check error

.PHONY: help run build test test-long check bench format clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

run: ## Prepare the machine, build Pantry and serve a demo grocery on http://127.0.0.1:8080
	@scripts/bootstrap
	@swift build --configuration $(RUN_CONFIGURATION) --product pantry $(IMPORT_CHECK) >&2
	@exec .build/$(RUN_CONFIGURATION)/pantry serve --demo

build: ## Build everything but the tests
	@scripts/bootstrap
	@swift build $(IMPORT_CHECK)

test: ## Prepare the machine and run the tests
	@scripts/test

test-long: ## Run the tests with their full counts and write docs/results/test-long-DATE.txt
	@scripts/test --long

check: ## Formatting, build with import walls, house rules
	@scripts/check

bench: ## Run the benchmarks
	@Benchmarks/run

format: ## Format every Swift file in place
	@scripts/format

clean: ## Remove what builds leave behind
	@swift package clean
	@rm -rf .build/logs
