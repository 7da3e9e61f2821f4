# Every target is a command of the workbench: `make test` is `python3 -m workbench test`.
# Arguments go in ARGS:         make test ARGS="-k voucher"
# Another Python goes in PYTHON: make test PYTHON=python3.12

PYTHON ?= python3

WORKBENCH = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "This needs Python 3.11 or newer, which '$(PYTHON)' is not here." \
	"Install it, or name another one: make $@ PYTHON=python3.12" >&2; exit 2; }; \
	exec $(PYTHON) -m workbench $@ $(ARGS)

.PHONY: help test test-equal test-postgres compare run jobs serve coverage docs bench figures \
	lint browser prove planted soak setup clean

help: ## List the commands
	@echo 'Usage: make COMMAND [ARGS="..."] [PYTHON=python3.12]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Run both suites, and sum them up in a small table
	$(WORKBENCH)

test-equal: ## Run the suite of `before` against both apps: they behave the same
	$(WORKBENCH)

test-postgres: ## Run all of that on PostgreSQL, the races too
	$(WORKBENCH)

compare: ## Measure what each test needs, before and after
	$(WORKBENCH)

run: ## Start both apps, to be used in a browser
	$(WORKBENCH)

jobs: ## Run a job of the apps that `make run` has started
	$(WORKBENCH)

serve: ## Serve one app for real, by several processes
	$(WORKBENCH)

coverage: ## Put the coverage of both suites side by side, file by file
	$(WORKBENCH)

docs: ## Build the documentation
	$(WORKBENCH)

bench: ## Time tests, pages and checkouts against each other
	$(WORKBENCH)

figures: ## Write the measured figures into README and docs
	$(WORKBENCH)

lint: ## Check style, types and the direction of imports
	$(WORKBENCH)

browser: ## Test both apps in a real browser
	$(WORKBENCH)

prove: ## Send both apps on random journeys, and look for a difference
	$(WORKBENCH)

planted: ## Make mistakes on purpose, one at a time, and see which test finds each
	$(WORKBENCH)

soak: ## Load both apps on real servers, kill their processes, and check what must hold
	$(WORKBENCH)

setup: ## Install everything now, for work without a network
	$(WORKBENCH)

clean: ## Remove everything these commands have made
	$(WORKBENCH)

# Any other name: the workbench answers with the nearest one it knows.
.DEFAULT:
	$(WORKBENCH)
