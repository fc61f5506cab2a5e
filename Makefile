# Each command sets up what it needs and redoes only what changed. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/ready
BOOK   := _build/html/index.html

PACKAGE   := $(wildcard microdlrm/*.py microdlrm/*/*.py)
# The notebooks that the contents list; those of your own may lie beside them.
NOTEBOOKS := $(patsubst %,%.ipynb,$(shell sed -n 's/.*file: \(notebooks\)/\1/p' _toc.yml))
# These measure the machine, so they have it to themselves. The others run two at a time, the longest first.
TIMED     := $(filter notebooks/07_% notebooks/08_%,$(NOTEBOOKS))
LONG      := $(filter notebooks/06_% notebooks/09_%,$(NOTEBOOKS))
UNTIMED   := $(LONG) $(filter-out $(LONG) $(TIMED),$(NOTEBOOKS))
STORED    := $(wildcard book/studies/*.json notebooks/predictions/*.toml)
PROSE     := $(wildcard book/*.* book/*/*.*) _config.yml _toc.yml
TESTS     := $(wildcard tests/*.* tests/*/*.py tests/*/*/*.py *.md data/*.md) $(NOTEBOOKS) $(PROSE) Makefile

# One thread (the second is Apple's): what the course times is then the model, not how threads share the machine.
export OMP_NUM_THREADS := 1
export VECLIB_MAXIMUM_THREADS := 1
# The kernel is this environment's own, whatever kernel called "python3" is installed elsewhere.
export JUPYTER_PREFER_ENV_PATH := 1

.DELETE_ON_ERROR:
.PHONY: help install data lab book slides test untimed timed test-browser scale test-nbgrader studies clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

install: $(READY) ## only the environment, in .venv (PYTHON=python3.12 make ... takes another Python)
$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or later: make PYTHON=python3.12 ...")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip --version || $(RUN) -m ensurepip
	$(RUN) -m pip install -r requirements.txt -c constraints.txt
	@touch $@

data: $(READY) ## only the data set, in data/movielens
	@$(RUN) -m microdlrm fetch

# The settings: no news, no search for updates. Jupyter refuses to run as root, as in a container, unless told to.
lab: data ## JupyterLab, on the first chapter
	$(RUN) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.app_settings_dir="$(CURDIR)/book/jupyterlab" notebooks/01_clicks.ipynb

book: $(BOOK) ## execute the notebooks, render the book
	@echo "The book is built. Open $(CURDIR)/$(BOOK)"
# Every page is rendered anew, so that a warning on an unchanged page is seen too; executed notebooks are cached.
$(BOOK): $(NOTEBOOKS) $(PROSE) tests/rendered_book.py _build/cache-valid | data
	rm -rf _build/html _build/.doctrees
	$(RUN) book/execute_ahead.py $(UNTIMED)
	$(VENV)/bin/jupyter-book build . -W -n --keep-going
	$(RUN) tests/rendered_book.py _build/html
	@touch $@
# The cache compares the cells of a notebook, not the package that they import nor what they read.
_build/cache-valid: $(PACKAGE) $(STORED) $(READY)
	rm -rf _build/.jupyter_cache
	@mkdir -p $(@D) && touch $@

slides: book ## the book's figures as slides, in _build/slides
	$(RUN) book/slides.py _build/slides $(NOTEBOOKS)

test: data ## lint, the unit tests, every notebook as a test
	$(RUN) -m ruff check microdlrm book tests $(NOTEBOOKS)
	@$(MAKE) --no-print-directory -j2 untimed
	@$(MAKE) --no-print-directory -j1 timed
	@echo "Everything passes: ruff, the unit tests, and $(words $(NOTEBOOKS)) notebooks."
NBVAL = $(patsubst notebooks/%.ipynb,_build/nbval/%.passed,$(1))
untimed: $(firstword $(call NBVAL,$(UNTIMED))) _build/not_timing.passed $(call NBVAL,$(UNTIMED))
timed: _build/timing.passed $(call NBVAL,$(TIMED))
_build/timing.passed _build/not_timing.passed: _build/%.passed: $(TESTS) $(PACKAGE) $(STORED) $(READY)
	$(RUN) -m pytest -m "$(subst _, ,$*)"
	@mkdir -p $(@D) && touch $@
# Two run at once, so each writes a log; a failure shows it whole, a pass its last line.
_build/nbval/%.passed: notebooks/%.ipynb tests/nbval.ini $(PACKAGE) $(STORED) $(READY)
	@mkdir -p $(@D)
	@$(RUN) -m pytest -c tests/nbval.ini --rootdir . $< > $@.log 2>&1 || { cat $@.log; exit 1; }
	@echo "$<: `tail -n 1 $@.log`" && touch $@

test-browser: $(READY) ## the book's pages in Chromium, two notebooks in JupyterLab
	@$(RUN) tests/browser/chromium.py  # found or, on Debian and as root, installed
	@$(MAKE) --no-print-directory book
	$(RUN) -m pip install --quiet -r requirements-browser.txt -c constraints.txt
	$(RUN) -m pytest tests/browser -n 2

# An environment of its own, which sees the packages of this one.
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
define BESIDE
rm -rf $(@D)
$(RUN) -m venv $(@D)
$(RUN) -c '$(SITE)' > "`$(@D)/bin/python -c '$(SITE)'`/course.pth"
$(@D)/bin/python -m pip install $(1) && touch $@
endef
scale: _build/scale/ready | data ## chapter 10's model on TorchRec, divided over 2 and 4 processes (Linux)
	$(<D)/bin/python -W ignore -m microdlrm scale
	$(<D)/bin/python -m pytest -W ignore tests/scale
_build/scale/ready: requirements-scale.txt $(READY)
	$(call BESIDE,--no-deps -r requirements-scale.txt)
test-nbgrader: _build/nbgrader/ready | data ## book/grading.md as written, with nbgrader installed beside the course
	$(RUN) -m pytest tests/nbgrader
_build/nbgrader/ready: constraints.txt $(READY)
	$(call BESIDE,nbgrader -c constraints.txt)

studies: | data ## repeat the long measurements in book/studies: hours
	for name in `$(RUN) -m microdlrm study | cut -d ' ' -f 1`; do $(RUN) -m microdlrm study $$name || exit 1; done

clean: ## remove what building and testing left; keeps .venv and the data
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find . -name $(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
