"""Settings of one's own (pip, matplotlib, IPython, pytest) and folders as people have them: the course works alike."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_MAKE = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


# Without what the make that runs these tests hands down to makes of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def made(target, *more, **environment):
    """What a line prints that make runs for `target` with these settings in the environment."""
    command = ["make", "--no-print-directory", "--eval", f"{target}: ; @{' '.join(more)}", target]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@NO_MAKE
@pytest.mark.parametrize("setting", [{"PIP_USER": "1"}, {"conf": "user = true"}, {"PIP_TARGET": "/nowhere"}])
def test_pip_installs_into_the_environment(tmp_path, setting):
    conf = tmp_path / "pip.conf"
    conf.write_text(f"[install]\n{setting.pop('conf', '')}\n")
    probe = "from pip._internal.cli.main_parser import *; from pip._internal.commands import create_command as c; "
    probe += "o = c('install').parse_args(['x'])[0]; print('user:', bool(o.use_user_site), 'target:', o.target_dir)"
    came = made("probe", sys.executable, "-c", f'"{probe}"', PIP_CONFIG_FILE=str(conf), **setting)
    assert came.strip() == "user: False target: None", came


@NO_MAKE
def test_what_pip_needs_to_reach_a_mirror_holds(tmp_path):
    """And nothing that decides where, how, or whether packages are installed."""
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\nindex-url = https://one/\nproxy = http://two\n[install]\nroot = /four\nprefix = /four\n"
        "target = /four\nno-binary = :all:\nno-deps = true\ndry-run = true\nrequire-hashes = true\n"
    )
    probe = "from pip._internal.cli.main_parser import *; from pip._internal.commands import create_command as c; "
    probe += "o = c('install').parse_args('$(HERE)=/env x'.split())[0]; "
    probe += "print(o.index_url, o.extra_index_urls, o.proxy, o.cert, o.root_path, o.prefix_path, "
    probe += "[o.target_dir, o.format_control.no_binary, o.ignore_dependencies, o.dry_run, o.require_hashes])"
    came = made(
        "probe", sys.executable, "-c", f'"{probe}"', PIP_CONFIG_FILE=str(conf), PIP_EXTRA_INDEX_URL="https://five/",
        PIP_ROOT="/six", PIP_INDEX_URL="", PIP_PROXY="", PIP_CERT="three",
    )  # fmt: skip
    assert came.strip() == "https://one/ ['https://five/'] http://two three / /env ['', set(), 0, 0, 0]", came


@NO_MAKE
def test_settings_of_ones_own_stay_out():
    names = "PYTHONPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTEST_ADDOPTS MATPLOTLIBRC MPLBACKEND JUPYTER_PATH PIP_PREFIX"
    names += " PYTHONHOME PYTHONINSPECT PIP_TARGET PIP_NO_BINARY PIP_PYTHON"
    lines = made("probe", "env", **dict.fromkeys(names.split(), "mine")).splitlines()
    assert not [line for line in lines if line.split("=")[0] in names.split()]
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for setting in ("IPYTHONDIR := $(CURDIR)/_build/ipython", "JUPYTER_NO_CONFIG := 1"):
        assert f"book test untimed timed test-nbgrader: export {setting}\n" in text  # and not lab, which is yours


@NO_MAKE
@pytest.mark.parametrize(("user", "option"), [("0", True), ("1000", False)])
def test_lab_starts_as_root(tmp_path, user, option):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    done = subprocess.run(
        ["make", "-n", "lab", "-o", ".venv/ready"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=ENVIRONMENT | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert "jupyterlab" in done.stdout
    assert ("--allow-root" in done.stdout) == option


FIGURE = """
from microdlrm.figures import style
fig, ax = style.canvas()
ax.plot([1, 2]); ax.set_xlabel("a_b %"); ax.set_title("x")
print(style.show(fig, "caption", "alt").data)
"""


def test_figures_look_alike_whatever_the_matplotlibrc(tmp_path):
    """Another process with settings of its own draws what this one does."""
    (tmp_path / "rc").write_text("text.usetex: True\nfont.family: Nowhere\nsavefig.dpi: 5\nlines.linewidth: 30\n")
    environment = os.environ | {"MATPLOTLIBRC": str(tmp_path / "rc"), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", FIGURE]
    theirs = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    with contextlib.redirect_stdout(io.StringIO()) as ours:
        exec(FIGURE, {})
    theirs, ours = (re.sub("[0-9a-f]{10}", "", svg) for svg in (theirs, ours.getvalue()))  # random names of clip paths
    assert "<svg" in ours
    assert theirs == ours


def test_a_tests_folder_that_is_not_yours_to_write(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-o", "cache_dir=/proc/nowhere"]
    done = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PytestCacheWarning" in done.stdout
    assert "1 passed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_second_build_says_that_one_is_under_way(tmp_path):
    lock, started = str(tmp_path / "_build/lock"), tmp_path / "started"
    run = [sys.executable, str(ROOT / "book/one_at_a_time.py"), lock, sys.executable, "-c"]
    first = subprocess.Popen([*run, f"import time; open({str(started)!r}, 'w'); time.sleep(30)"])
    try:
        while not started.exists():
            time.sleep(0.05)
        second = subprocess.run([*run, "print('built')"], capture_output=True, text=True, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert "Another `make book` is under way" in second.stderr
    finally:
        first.kill()
        first.wait()


def test_a_build_that_ended_however_leaves_no_lock(tmp_path):
    run = [sys.executable, str(ROOT / "book/one_at_a_time.py"), str(tmp_path / "lock"), sys.executable, "-c"]
    for code, status in (("import sys; sys.exit(3)", 3), ("print('built')", 0)):
        assert subprocess.run([*run, code], check=False, capture_output=True).returncode == status
