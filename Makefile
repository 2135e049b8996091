# Agent Exchange Platform. Each target is one command; `make` alone lists them.
STACK ?= local
PYTHON ?= python3
ARGS ?=

PLATFORM := .venv/bin/python
ON_STACK := $(PYTHON) -m tools.stack
AEXCTL := .venv/bin/aexctl
# The engine and the local stack's settings, for commands that call `pulumi` themselves.
WITH_ENGINE := eval "$$($(ON_STACK) env --stack $(STACK))" &&

.DEFAULT_GOAL := help
.PHONY: help setup up preview refresh destroy demo key logs env test test-fast test-deep bench format lint typecheck pictures reference inventory doctor status smoke aws-teardown gcp-teardown docker-build sbom certificates clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "; print "Agent Exchange Platform\n"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nSTACK=<name> chooses another stack than local; ARGS="..." is passed on to pulumi or pytest.\n'

##@ The exchange
up: setup ## Set up and start the whole exchange on this machine (STACK=... deploys another stack)
	@$(ON_STACK) up --stack $(STACK) $(ARGS)

demo: setup ## Run one whole trade through the gateway and tell it
	@$(WITH_ENGINE) $(PLATFORM) -m infra.ops.demo --stack $(STACK) $(ARGS)

key: setup ## Print the operator's API key
	@$(ON_STACK) key --stack $(STACK)

logs: ## Follow the logs of the ten services (ARGS="settlement", ARGS=--json)
	@$(PYTHON) -m tools.logs --stack $(STACK) $(ARGS)

preview: setup ## Show what `make up` would change (CLOUD=aws, gcp or aws,gcp: with no account, against stand-ins)
	@$(if $(CLOUD),$(PLATFORM) -m tools.offline --stack $(STACK) --clouds "$(CLOUD)",$(ON_STACK) preview --stack $(STACK)) $(ARGS)

refresh: setup ## Compare the stack with what really runs
	@$(ON_STACK) refresh --stack $(STACK) $(ARGS)

destroy: setup ## Stop and remove everything in the stack
	@$(ON_STACK) destroy --stack $(STACK) $(ARGS)

env: ## Print the settings for calling pulumi yourself: eval "$(make -s env)"
	@$(ON_STACK) env --stack $(STACK)

##@ Operations (more with .venv/bin/aexctl: docs/operations.md)
doctor: setup ## Check what a deployment needs, with the remedy for what is missing
	@$(AEXCTL) doctor --stack $(STACK) $(ARGS)

status: setup ## Show the ten services: revision, instances, health, image, last failure
	@$(AEXCTL) status --stack $(STACK) $(ARGS)

smoke: setup ## Make one real trade through the gateway, and tidy up after it
	@$(AEXCTL) smoke --stack $(STACK) $(ARGS)

aws-teardown: setup ## Delete a stack on AWS after its name was typed (ARGS=--dry-run only tells)
	@$(AEXCTL) teardown --cloud aws --stack $(STACK) $(ARGS)

gcp-teardown: setup ## The same for a stack on Google Cloud
	@$(AEXCTL) teardown --cloud gcp --stack $(STACK) $(ARGS)

##@ Development
setup: ## Install the locked environments and the engine; does nothing when they are there
	@$(PYTHON) -m tools.setup

test: ## Set up, then check format, lint, imports and types, and run the tests
	@$(PYTHON) -m tools.check -- $(ARGS)

test-fast: ## The same without tests that run the engine or start processes
	@$(PYTHON) -m tools.check --fast -- $(ARGS)

bench: setup ## Measure the exchange beside the Go implementation (ARGS="--only bids"); minutes, on a quiet machine
	@$(PLATFORM) -m bench $(ARGS)

test-deep: ## The same with the longer sweeps
	@$(PYTHON) -m tools.check --deep -- $(ARGS)

format: setup ## Format the code and fix what can be fixed
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

lint: setup ## Check style and the directions of imports
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/lint-imports

typecheck: setup ## Check types strictly
	@.venv/bin/basedpyright

pictures: setup ## Draw the pictures in the docs from the catalog and from the engine's graph
	@$(PLATFORM) -m infra.components.picture && $(PLATFORM) -m tools.topology

reference: setup ## Write docs/config.md, every key of a stack's config, from the models that check them
	@$(PLATFORM) -m infra.config.reference

inventory: setup ## Write down what the stacks on the clouds declare, for review
	@$(PLATFORM) -m tests.infra.aws.inventory && $(PLATFORM) -m tests.infra.gcp.inventory

docker-build: setup ## Build the ten images on this machine (ARGS="aex-gateway --base=... --ca=...")
	@$(PLATFORM) -m tools.image.build $(ARGS)

sbom: ## Write down what images and platform are made of, as CycloneDX, into sbom/ (ARGS=--image=...)
	@$(PYTHON) -m tools.sbom $(ARGS)

certificates: setup ## Fetch the authorities of DocumentDB's certificates anew from Amazon
	@$(PLATFORM) -m tools.image.certificates $(ARGS)

clean: ## Remove environments and caches; state, data and logs stay
	@rm -rf .venv app/.venv .aex/bin .aex/stamps .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
