# Each target works as the first command after a clone: `.venv` is made when it is needed.

VENV   ?= .venv
PYTHON ?= $(shell for python in python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; exit; fi; done; echo python3.11)
CORES  ?= all
ARGS   ?=
TRIALS ?= 60
SEED   ?= 1

BIN       := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Bytecode saves each job a part of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo example test test-slow test-package test-cluster test-plantcv test-models soak findings check format docs bench clean \
	check-format check-style check-spelling check-types check-rooms check-snakefmt check-schema lint

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv, with pixmake and all that its tests need (the others do it by themselves)

demo: $(INSTALLED) ## Draw 24 pictures of plants, measure them, and say where the table is
	@echo "Drawing the demo's pictures: scripts/draw_trial.py"
	@$(BIN)/python scripts/draw_trial.py
	@echo "Measuring them, a Snakemake rule for each: snakemake --cores $(CORES)"
	@$(BIN)/snakemake --cores $(CORES)
	@test -s results/measurements.csv
	@echo "Done. The table of measurements is results/measurements.csv"

example: $(INSTALLED) ## A plate in object storage: draw it, serve it, train, classify, measure (docs/ome-zarr-example.md)
	$(BIN)/python examples/plate/run.py plate-example --cores $(CORES)

test: $(INSTALLED) ## Run the tests, for example: make test ARGS="tests/unit -k config"
	$(BIN)/pytest -n 3 --dist loadfile -m "not slow and not package and not plantcv" $(ARGS)

test-slow: $(INSTALLED) ## Run the tests that take long
	$(BIN)/pytest -n 3 --dist worksteal -m slow $(ARGS)

test-package: $(INSTALLED) ## Build the package and install it alone, in several environments; run the tests of plugins/
	$(BIN)/pytest -m package $(ARGS)

test-plantcv: $(INSTALLED) ## Install PlantCV 4 and 5 for themselves (2 GB), and run the tests that need them
	$(BIN)/pytest -n 2 -m plantcv $(ARGS)

test-models: ## Install PyTorch, Cellpose, TensorFlow and StarDist for themselves (12 GB), and test plugins/ with them
	bash tests/models.sh $(PYTHON) $(ARGS)

soak: $(INSTALLED) ## Disturb runs at random, by seed, and compare what they leave: make soak TRIALS=200 SEED=1
	$(BIN)/python -m tests.faults.trials --trials $(TRIALS) --seed $(SEED)

findings: ## See whether libraries, formats and schedulers still do what findings/ says (installs each of them)
	@failed=0; for finding in findings/*-*.sh; do bash $$finding || failed=1; done; exit $$failed

test-cluster: $(INSTALLED) ## Start a real SLURM and a Grid Engine here (Debian, root) and run the tests that need them
	PIXMAKE_TEST_CLUSTER=1 $(BIN)/pytest -m cluster $(ARGS)

check: check-format check-style check-spelling check-types check-rooms check-snakefmt lint check-schema docs ## Check format, style, spelling, types, rooms, rules, schema and docs

check-format: $(INSTALLED)
	$(BIN)/ruff format --check

check-style: $(INSTALLED)
	$(BIN)/ruff check

check-spelling: $(INSTALLED)
	$(BIN)/codespell

check-types: $(INSTALLED)
	$(BIN)/mypy

check-rooms: $(INSTALLED)
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/rooms.py --check

# snakefmt starts a program `shfmt` that is beside it.
check-snakefmt: $(INSTALLED)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakefmt --check Snakefile workflow/rules

lint: $(INSTALLED)
	$(BIN)/python tests/lint_project.py

check-schema: $(INSTALLED)
	$(BIN)/python -m pixmake.config.schema --check

docs: $(INSTALLED) ## Build the pages of docs/ and of the Python names into build/docs
	$(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs

format: $(INSTALLED) ## Format Python and Snakemake files, and mend the style where that is safe
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakefmt Snakefile workflow/rules

bench: $(INSTALLED) ## Measure the speed beside others, for example: make bench ARGS="--quick pool"
	$(BIN)/python benchmarks/run.py $(ARGS)

REMOVED := results logs images .snakemake build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

clean: ## Remove the demo's pictures, results, logs, builds and caches; keep .venv
	@echo "Removing $(REMOVED), and __pycache__ everywhere"
	@rm -rf $(REMOVED)
	@find . \( -path ./.git -o -path './$(VENV)' \) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing pixmake and its tools into $(VENV) (once, some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@
