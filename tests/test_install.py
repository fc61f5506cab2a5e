"""`make install` puts the packages into the course's environment, whatever a reader's pip.conf says."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Places and demands that would leave the environment empty or incomplete; those below one another go together.
CONF = (
    "user = true\nno-binary = :all:\nrequire-virtualenv = true",
    "target = {elsewhere}\nno-deps = true",
    "prefix = {elsewhere}\nrequire-hashes = true",
    "root = {elsewhere}\ndry-run = true",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pip") / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


def wheel(folder: Path) -> Path:
    path = folder / "tiny_module-1.0-py3-none-any.whl"
    info = "tiny_module-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_module.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-module\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.parametrize("setting", CONF)
def test_a_persons_pip_conf_moves_no_package(environment, tmp_path, setting):
    """Run with the options and variables that the Makefile gives pip."""
    conf, elsewhere = tmp_path / "pip.conf", tmp_path / "elsewhere"
    conf.write_text(f"[install]\n{setting.format(elsewhere=elsewhere)}\n")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"-m pip install (.*)-r requirements\.txt", makefile)[1]
    options = options.replace("$(HERE)", here(makefile)).replace("$(CURDIR)/$(VENV)", str(environment))
    exported = dict(re.findall(r"^export (PIP_\w+) := (.*)$", makefile, re.MULTILINE))
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = f'"{python}" -m pip install {options} --no-index --force-reinstall "{wheel(tmp_path)}"'
    done = subprocess.run(
        command,
        shell=True,
        env=os.environ | exported | {"PIP_CONFIG_FILE": str(conf), "HOME": str(tmp_path), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not elsewhere.exists()
    assert (
        subprocess.run([python, "-c", "import tiny_module"], check=False, env={"HOME": str(tmp_path)}).returncode == 0
    )


def test_the_package_is_built_without_a_second_pip():
    """One that pip starts to fetch setuptools sees the pip.conf, and none of the Makefile's options."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    first, second, *_ = re.findall(r"^\t\$\(RUN\) -m pip install (.*)$", makefile, re.MULTILINE)
    assert " setuptools -c constraints.txt" in first
    assert " --no-build-isolation -r requirements.txt -c constraints.txt" in second


def here(makefile: str) -> str:
    return re.search(r"^HERE := (.*)$", makefile, re.MULTILINE)[1]
