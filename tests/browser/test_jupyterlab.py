"""A short chapter and the exercise in a real JupyterLab, started as `make lab` starts it, and run
by Run All Cells as a learner does. (What the cells of all notebooks come to, nbval and the book's
build hold.)

They run in a copy without a single stored output or count, so that what the saved file holds at the
end came from this run: a count in every code cell, in order, and no error.
"""

import contextlib
import os
import re
import shlex
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from conftest import visit

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("notebooks/03_mlps.ipynb", "notebooks/05_exercise_dot_interaction.ipynb")
LONGEST = 600  # seconds that a notebook may take, as in _config.yml


def make_lab(root, port):
    """The command of `make lab`, for another folder, another port, and no browser of its own."""
    lines = subprocess.run(
        ["make", "-n", "lab", "-o", ".venv/ready", "-o", "data"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))},
    ).stdout  # fmt: skip
    lines = lines.replace("\\\n", " ").splitlines()
    command = shlex.split(next(line for line in lines if "jupyterlab" in line))
    command = [
        part
        for part in command
        if not part.startswith("--ServerApp.root_dir") and not part.endswith(".ipynb")
    ]
    settings = {
        "root_dir": root,
        "port": port,
        "port_retries": 0,
        "open_browser": False,
        "disable_check_xsrf": True,
    }
    # No token, no password: it listens on this machine alone, for as long as the tests last.
    secrets = ["--IdentityProvider.token=", "--PasswordIdentityProvider.hashed_password="]
    return command + [f"--ServerApp.{name}={value}" for name, value in settings.items()] + secrets


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a bare copy of the notebooks, and the copy's folder."""
    root, own = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("jupyter")
    for name in NOTEBOOKS:
        notebook = nbformat.read(ROOT / name, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, root / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
    )
    environment = (
        os.environ | dict.fromkeys((*settings, "IPYTHONDIR"), str(own)) | {"JUPYTER_NO_CONFIG": "1"}
    )
    with (own / "log").open("w") as log:
        server = subprocess.Popen(
            make_lab(root, port), cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        yield wait_until_up(f"http://127.0.0.1:{port}", server, own / "log"), root
    finally:
        server.terminate()
        server.wait()


def wait_until_up(address, server, log):
    for _ in range(300):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{address}/api").close()
            return address
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(f"no JupyterLab after a minute:\n{log.read_text()}")


def states(page, name):
    sessions = page.request.get("/api/sessions").json()
    return [each["kernel"]["execution_state"] for each in sessions if each["path"] == name]


def run_all(page, name, saved):
    """Run All Cells; then save whenever the kernel rests, until the file has a count in each cell,
    or an error.
    """
    panel = page.locator(".jp-NotebookPanel:not(.lp-mod-hidden)")
    panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=120_000)
    ends, cells = time.monotonic() + LONGEST, []
    while time.monotonic() < ends:
        if not any(
            cell.execution_count for cell in cells
        ):  # a click may be lost while the page arranges itself
            panel.locator(
                ".jp-Cell h1"
            ).first.click()  # a cell has to be chosen; elsewhere in it there are links
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(3000)
        while states(page, name) == ["busy"] and time.monotonic() < ends:
            page.wait_for_timeout(500)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        cells = code_cells(saved)
        if errors(cells) or all(cell.execution_count for cell in cells):
            return cells
    raise AssertionError(
        f"not through after {LONGEST} s: {[cell.execution_count for cell in cells]}"
    )


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def errors(cells):
    return [
        f"{out.ename}: {out.evalue}"
        for cell in cells
        for out in cell.outputs
        if out.output_type == "error"
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_cells_runs_all_cells(browser, lab, name):
    address, root = lab
    assert not any(cell.execution_count or cell.outputs for cell in code_cells(root / name))
    with visit(browser, address) as page:
        page.goto(f"/lab/tree/{name}?reset")
        cells = run_all(page, name, root / name)
        assert errors(cells) == []
        assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
        prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
        drawn = [
            prompt.strip() for prompt in prompts if prompt.strip()
        ]  # far from the view a cell has none yet
        assert drawn
        assert [prompt for prompt in drawn if not re.fullmatch(r"\[\d+\]:", prompt)] == []
        said = page.locator(".Toastify__toast, .jp-Dialog").all_text_contents()
        assert [text for text in said if text.strip()] == []  # one that is closing is empty
        foreign = [
            complaint
            for complaint in page.complaints
            if complaint.startswith(("asks", "calls", "throws"))
        ]
        assert foreign == []
