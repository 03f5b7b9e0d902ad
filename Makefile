# Every target needs Python 3.11+, make and a package manager; the first one run sets up .venv.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

# On Linux without a screen the demo takes a virtual one, writes what it shows into demo/ and checks it.
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY),Linux)
SCREEN := xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24"
HEADLESS := --out demo --check
endif

.PHONY: demo test lint bench bench-classifier bench-estimator bench-lorentz bench-physics bench-segment system

demo: $(READY)
	@$(SCREEN) $(RUN) -m napari_magtex.widgets.demo $(HEADLESS)

# Two processes of one thread each: two cores, and threads of one process that wait for those of another gain nothing.
test: $(READY)
	@OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses=2 --dist=loadfile --cov=napari_magtex --cov-report=term:skip-covered --durations=10

lint: $(READY)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

bench: $(READY)
	@$(SCREEN) $(RUN) benchmarks/startup.py

bench-classifier: $(READY)
	@$(RUN) benchmarks/classifier.py
	@$(RUN) benchmarks/classifier_folder.py

bench-estimator: $(READY)
	@$(RUN) benchmarks/estimator.py
	@$(RUN) benchmarks/estimator_paper.py
	@$(RUN) benchmarks/estimator_skml.py
	@$(RUN) benchmarks/estimator_bound.py

bench-lorentz: $(READY)
	@$(RUN) benchmarks/lorentz.py

bench-physics: $(VENV)/.oracles
	@$(RUN) benchmarks/physics.py

# WEIGHTS="fold0.safetensors ...": networks of a cross-validation; without them the threshold alone is judged.
bench-segment: $(READY)
	@$(RUN) benchmarks/segment.py $(if $(WEIGHTS),--weights $(WEIGHTS))

$(READY): pyproject.toml hatch_build.py | system
	@echo "Installing napari-magtex and what it needs into $(VENV): some minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install -qq --disable-pip-version-check --editable '.[all,test]'
	@touch $@

$(VENV)/.oracles: $(READY)
	@echo "Installing Spirit and magnum.np beside it, to compare with"
	@$(RUN) -m pip install -qq --disable-pip-version-check --editable '.[oracles]'
	@touch $@

system:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it, make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) tools/system_libraries.py
