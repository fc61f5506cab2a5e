# make book   execute the notebooks, render the book
# make test   lint, unit tests, every notebook as a test
# make test-browser   the rendered book in a browser
# Each sets up what it needs and redoes only what changed. `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/ready
BOOK   := _build/html/index.html

PACKAGE   := $(wildcard microdlrm/*.py microdlrm/*/*.py)
NOTEBOOKS := $(wildcard notebooks/*.ipynb notebooks/solutions/*.ipynb)
# These measure the machine, so they have it to themselves. The others run two at a time, the longest first.
TIMED     := $(wildcard notebooks/07_*.ipynb notebooks/08_*.ipynb)
UNTIMED   := $(wildcard notebooks/06_*.ipynb) $(filter-out $(TIMED) notebooks/06_%,$(NOTEBOOKS))
PROSE     := $(wildcard book/*.* book/*/*.*) _config.yml _toc.yml
STUDIES   := $(wildcard book/studies/*.json)
TESTS     := $(wildcard tests/*.py tests/*/*.py tests/*/*/*.py)

# One thread: what the course times is then the model, not how threads share the machine.
export OMP_NUM_THREADS := 1
# Apple's Accelerate, which computes the matrix products on a Mac, reads a variable of its own.
export VECLIB_MAXIMUM_THREADS := 1
# The kernel is this environment's own, whatever kernel called "python3" you have installed elsewhere.
export JUPYTER_PREFER_ENV_PATH := 1
unexport JUPYTER_PATH PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS PYTEST_ADDOPTS MATPLOTLIBRC MPLBACKEND
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# pip installs into the environment, and all of it, whatever your pip.conf says: a variable outranks it, and where none can,
# the command line does. What it says of a mirror, a proxy or certificates holds.
export PIP_USER := 0
export PIP_ROOT := /
export PIP_DRY_RUN := 0
export PIP_NO_DEPS := 0
export PIP_REQUIRE_HASHES := 0
unexport PIP_TARGET PIP_PREFIX PIP_NO_BINARY PIP_PYTHON
HERE := --target= --no-binary=:none: --prefix
# Notebooks run as they are stored: your own IPython start-up and Jupyter settings are for your own sessions.
book test untimed timed test-nbgrader: export IPYTHONDIR := $(CURDIR)/_build/ipython
book test untimed timed test-nbgrader: export JUPYTER_NO_CONFIG := 1

.DELETE_ON_ERROR:
.PHONY: help install data book test untimed timed test-browser test-nbgrader scale chromium lint lab slides clean
# `make -j` changes nothing: what may run side by side does anyway, and what measures must not.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

help:
	@echo "make book      execute the notebooks, render the book ($(BOOK))"
	@echo "make test      ruff, the unit tests, and every notebook as a test"
	@echo "make test-browser   every page of the book in Chromium and what answers on it, every notebook in JupyterLab"
	@echo "make test-nbgrader  book/grading.md as written: installs nbgrader beside the course, grades four submissions"
	@echo "make scale     chapter 10's model on TorchRec, sharded over 2 and 4 processes (Linux)"
	@echo "make lab       JupyterLab, on the first chapter"
	@echo "make slides    the book's figures as slides (_build/slides/index.html)"
	@echo "make install   only the environment, in $(VENV)"
	@echo "make data      only the data set, in data/movielens"
	@echo "make clean     remove what building and testing left; keeps $(VENV) and the data"
	@echo "PYTHON=python3.12 make ...   use another Python (3.11 or later)"

# --- the set-up -----------------------------------------------------------------------------------------

install: $(READY)

$(READY): requirements.txt constraints.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
	  echo "There is no '$(PYTHON)' here. Install Python 3.11 or later, or name it: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "'$(PYTHON)' is `$(PYTHON) --version 2>&1`; the course needs 3.11 or later."; \
	  echo "Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	  rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@# The package is built with this setuptools: to fetch another, pip starts a pip that sees your pip.conf alone.
	$(RUN) -m pip install $(HERE)="$(CURDIR)/$(VENV)" setuptools -c constraints.txt
	$(RUN) -m pip install $(HERE)="$(CURDIR)/$(VENV)" --no-build-isolation -r requirements.txt -c constraints.txt
	@touch $@

data: $(READY)
	@$(RUN) -m microdlrm fetch

# --- the book -------------------------------------------------------------------------------------------

book: | $(READY)
	@$(RUN) book/one_at_a_time.py _build/book.lock $(MAKE) --no-print-directory $(BOOK)
	@echo
	@echo "The book is built. Open this page:"
	@echo "  $(CURDIR)/$(BOOK)"

# Every page is rendered anew, so that a warning on an unchanged page is seen too; executed notebooks are cached.
$(BOOK): $(NOTEBOOKS) $(PROSE) tests/rendered_book.py _build/cache-valid | data
	rm -rf _build/html _build/.doctrees
	$(RUN) book/execute_ahead.py $(UNTIMED)
	$(VENV)/bin/jupyter-book build . -W -n --keep-going
	$(RUN) tests/rendered_book.py _build/html
	@touch $@

# The cache compares the cells of a notebook, not the package that they import, nor the studies that they show.
_build/cache-valid: $(PACKAGE) $(STUDIES) $(READY)
	rm -rf _build/.jupyter_cache
	@mkdir -p _build && touch $@

# --- the tests ------------------------------------------------------------------------------------------

UNIT := _build/unit-tests
NBVAL = $(patsubst notebooks/%.ipynb,_build/nbval/%.passed,$(1))

test: lint | data
	@$(MAKE) --no-print-directory -j2 SIDE_BY_SIDE=1 untimed
	@$(MAKE) --no-print-directory timed
	@echo
	@echo "Everything passes: ruff, the unit tests, and $(words $(NOTEBOOKS)) notebooks."

untimed: $(firstword $(call NBVAL,$(UNTIMED))) $(UNIT).passed $(call NBVAL,$(UNTIMED))
timed: $(UNIT)-timed.passed $(call NBVAL,$(TIMED))

lint: $(READY)
	$(RUN) -m ruff check .

UNIT_TESTED := $(TESTS) $(PACKAGE) $(NOTEBOOKS) $(PROSE) README.md Makefile requirements.txt

$(UNIT).passed: $(UNIT_TESTED) $(READY)
	$(RUN) -m pytest -m "not timing"
	@mkdir -p $(@D) && touch $@

$(UNIT)-timed.passed: $(UNIT_TESTED) $(READY)
	$(RUN) -m pytest -m timing
	@mkdir -p $(@D) && touch $@

# Two run at once, so each writes a log; a failure shows it whole, a pass its last line.
_build/nbval/%.passed: notebooks/%.ipynb tests/nbval.ini $(PACKAGE) $(STUDIES) $(READY)
	@mkdir -p $(@D)
	@$(RUN) -m pytest -c tests/nbval.ini --rootdir . $< > $(@:.passed=.log) 2>&1 || { cat $(@:.passed=.log); exit 1; }
	@echo "$<: `tail -n 1 $(@:.passed=.log)`"
	@touch $@

# --- the book in a browser ------------------------------------------------------------------------------

test-browser: chromium book $(VENV)/ready-for-browser
	$(RUN) -m pytest tests/browser -n 2 --ignore tests/browser/test_jupyterlab.py
	$(RUN) -m pytest tests/browser/test_jupyterlab.py

# Found or, on Debian and as root, installed; otherwise it says how to get one, and make stops.
chromium: | $(READY)
	@$(RUN) tests/browser/chromium.py

$(VENV)/ready-for-browser: requirements-browser.txt constraints.txt $(READY)
	$(RUN) -m pip install $(HERE)="$(CURDIR)/$(VENV)" -r requirements-browser.txt -c constraints.txt
	@touch $@

# --- nbgrader ------------------------------------------------------------------------------------------

# In an environment of its own, which sees this one's packages: nbgrader is no part of the course.
NBGRADER := _build/nbgrader

test-nbgrader: $(NBGRADER)/ready | data
	$(RUN) -m pytest tests/nbgrader

$(NBGRADER)/ready: constraints.txt $(READY)
	rm -rf $(NBGRADER)
	$(RUN) -m venv $(NBGRADER)
	$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "`$(NBGRADER)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/course.pth"
	$(NBGRADER)/bin/python -m pip install $(HERE)="$(CURDIR)/$(NBGRADER)" nbgrader -c constraints.txt
	@touch $@

# --- TorchRec -------------------------------------------------------------------------------------------

# Chapter 10's engine, in an environment of its own, which sees this one's packages.
SCALE := _build/scale

scale: $(SCALE)/ready | data
	$(SCALE)/bin/python -m pytest -W ignore tests/scale

$(SCALE)/ready: requirements-scale.txt $(READY)
	@test "`uname -s`" = Linux || { \
	  echo "TorchRec isn't built for this system, only for Linux: \`make scale\` is not run here."; \
	  echo "Chapter 10 does without; it shows what a run on Linux came to."; exit 1; }
	rm -rf $(SCALE)
	$(RUN) -m venv $(SCALE)
	$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "`$(SCALE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/course.pth"
	$(SCALE)/bin/python -m pip install $(HERE)="$(CURDIR)/$(SCALE)" --no-deps -r requirements-scale.txt
	@touch $@

# --- reading and writing --------------------------------------------------------------------------------

# book/jupyterlab turns off JupyterLab's news, the question whether you want them, and its search for updates: nothing
# here asks the network. Jupyter refuses to run as root unless told to; in a container and in WSL one often is.
lab: data
	$(RUN) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) --LabApp.app_settings_dir="$(CURDIR)/book/jupyterlab" \
	  --ServerApp.root_dir="$(CURDIR)" notebooks/01_clicks.ipynb

slides: book
	$(RUN) book/slides.py _build/slides $(NOTEBOOKS)

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -not -path './$(VENV)/*' -prune -exec rm -rf {} +
