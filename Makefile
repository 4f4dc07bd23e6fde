# Two commands matter: `make demo` and `make test`. Both work from a bare clone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ARGS ?=

# With ROS sourced, ROS comes from the machine; without, from PyPI as wheels.
ifdef ROS_DISTRO
  EXTRAS := dev
  VENV_FLAGS := --system-site-packages
  # Its message types are built against NumPy 1, its launch_pytest for older pytest.
  CONSTRAINTS := 'numpy<2' 'pytest<8.4'
  SOURCE := ROS 2 $(ROS_DISTRO) of this machine
else
  EXTRAS := ros,dev
  VENV_FLAGS :=
  CONSTRAINTS :=
  SOURCE := ROS 2 Jazzy from PyPI
endif

# Installed means: this stamp exists. Its name holds what the installation depends on.
INPUTS := $(shell { cat pyproject.toml setup.py setup.cfg; echo '$(EXTRAS) $(PYTHON)'; } | sha256sum | cut -c1-16)
STAMP := $(VENV)/.installed-$(INPUTS)
RUN := $(VENV)/bin

.PHONY: help setup demo test lint types clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: $(STAMP) ## the environment in .venv (a second run does nothing)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' \
	  || { echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.10 to 3.14 is needed (make PYTHON=python3.12 …)" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "error: $(PYTHON) has no venv; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 2; }
	@if [[ "$(EXTRAS)" == ros* && "$$(uname -m)" != x86_64 ]]; then \
	  echo "error: ROS 2 wheels exist for x86-64 alone; install ROS 2 Jazzy and source it (docs/ros_machine.md)" >&2; exit 2; fi
	@echo "setting up $(VENV): $(SOURCE) and the packages of pyproject.toml (about a minute)"
	@[[ -x $(RUN)/python ]] || $(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	@$(RUN)/python -m pip install --disable-pip-version-check --quiet --editable '.[$(EXTRAS)]' $(CONSTRAINTS)
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: setup ## drive the demo world; the results are in out/demo/ (ARGS="--inject kill-decision")
	@$(RUN)/edge-autonomy demo $(ARGS)

test: setup ## all tests (ARGS="-k envelope")
	@$(RUN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: setup ## ruff and the import contracts
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/lint-imports

types: setup ## mypy, strict
	@$(RUN)/mypy

clean: ## remove what was built, not .venv
	@rm -rf build install log out src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src test -name __pycache__ -type d -prune -exec rm -rf {} +
