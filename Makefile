# The two commands of the README are `make search` and `make test`; each does all the set-up it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-dev search test test-ray check faults docs fuzz lock test-minimum sbom audit clean

# What running needs, and on top of it what developing needs: tests, linters, documentation, figures, ONNX.
setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

# Every package by its hash; torch alone by its exact version: machines have different builds of it (docs/security.md).
# Then this package, without an index: what pyproject.toml names and the lock lacks is an error here, not a download.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
$(VENV)/.ready: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) -c constraints.txt $$(grep '^torch==' constraints.txt)
	$(PIP) --no-index --no-build-isolation -e '.[llm,local,report]'
	$(BIN)/foretell corpus fetch home-assistant
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready constraints-dev.txt requirements-dev.lock
	-$(BIN)/foretell llm fetch gemma-3-270m # tests that need it are skipped without
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-index --no-build-isolation -e '.[dev,docs,onnx]'
	touch $@

# Beside it, and seeing it: Ray, which brings packages that nothing else here needs (requirements-ray.lock).
RAY := .venv-ray
$(RAY)/.ready: $(VENV)/.ready-dev requirements-ray.lock
	$(PYTHON) -m venv $(RAY)
	$(RAY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-ray.lock
	echo "import site; site.addsitedir('$(CURDIR)/$$(echo $(VENV)/lib/python3*/site-packages)')" \
		> $$(echo $(RAY)/lib/python3*/site-packages)/beside.pth
	touch $@

test-ray: $(RAY)/.ready
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(RAY)/bin/python -m pytest tests/objectives/executors -k test_ray

search: setup
	$(BIN)/foretell search --resume

# One thread a process: results do not depend on it, and two test workers do not fight over two cores. Workers get the
# files in the order of tests/conftest.py, those that take longest first.
test: setup-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# What a night may bring, in every long command: kills, full disks, damage and so on; one line each (docs/faults.md).
faults: setup-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.faults --out results/faults.csv

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, in site/; every warning is an error. What builds it is in the lock, by hash, like everything else.
docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# ---- fuzzing and dependencies (docs/security.md)

TOOLS := .venv-tools
MINIMUM := .venv-minimum
LOCK := $(TOOLS)/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url \
	--no-emit-find-links --python-version 3.11.5

# Coverage-guided: SECONDS for each reader of tests/fuzz/readers.py, or for those named in READERS.
SECONDS ?= 20
READERS ?= $$($(BIN)/python -m tests.fuzz.guided)
fuzz: setup-dev
	$(PIP) --require-hashes -r requirements-fuzz.lock
	for reader in $(READERS); do $(BIN)/python -m tests.fuzz.guided $$reader $(SECONDS) || exit 1; done

$(TOOLS)/.ready: requirements-tools.lock
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.lock
	touch $@

# After a change of constraints.txt or constraints-dev.txt: their exact versions with the hashes of all their files.
lock: $(TOOLS)/.ready
	$(LOCK) constraints.txt --no-deps --no-emit-package torch -o requirements.lock
	$(LOCK) constraints-dev.txt --no-deps -o requirements-dev.lock
	$(LOCK) requirements-tools.in --universal -o requirements-tools.lock
	$(LOCK) requirements-ray.in -c constraints.txt -c constraints-dev.txt -o requirements-ray.lock
	$(LOCK) requirements-fuzz.in --no-deps -o requirements-fuzz.lock

# The quick tests with the oldest versions that pyproject.toml allows; their use of what has been deprecated since
# in what they depend on themselves is not ours to mend.
test-minimum: $(TOOLS)/.ready
	$(TOOLS)/bin/uv venv --quiet --clear --seed --python $(PYTHON) $(MINIMUM)
	$(TOOLS)/bin/uv pip install --quiet --python $(MINIMUM)/bin/python --resolution lowest-direct -e '.[dev]'
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(MINIMUM)/bin/python -m pytest -n auto --dist loadfile \
		-m "not network" -W ignore::DeprecationWarning

# What is installed, as CycloneDX.
sbom: setup-dev $(TOOLS)/.ready
	mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
		--output-file dist/foretell.cdx.json $(BIN)/python

# The second line needs the advisories of the package index; without them it fails rather than say that all is well.
audit: setup-dev $(TOOLS)/.ready
	$(BIN)/python -m pip check
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock

clean:
	rm -rf $(VENV) $(RAY) $(TOOLS) $(MINIMUM) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
