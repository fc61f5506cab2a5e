"""A short chapter and the exercise in the JupyterLab of `make lab`, run by Run All Cells as a
learner does. (What the cells of all notebooks come to, nbval and the book's build hold.)

They run in a copy without a single stored output or count, so that what the saved file holds at the
end came from this run: a count in every code cell, in order, and no error.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from conftest import ROOT, visit

NOTEBOOKS = ("notebooks/03_mlps.ipynb", "notebooks/05_exercise_dot_interaction.ipynb")
LONGEST = 600  # seconds that a notebook may take, as in _config.yml


def bare_course(folder):
    """What `make lab` opens, the notebooks without outputs and counts."""
    shutil.copytree(ROOT / "book/jupyterlab", folder / "book/jupyterlab")
    for name in ("Makefile", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    for name in (*NOTEBOOKS, "notebooks/01_clicks.ipynb"):
        notebook = nbformat.read(ROOT / name, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / name)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a bare copy of the course, and the copy's folder."""
    course, own = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("jupyter")
    bare_course(course)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # No token, no password: it listens on this machine alone, for as long as the tests last.
    server = dict(port=port, port_retries=0, open_browser=False, disable_check_xsrf=True)
    settings = {"ServerApp": server, "IdentityProvider": {"token": ""}}
    (own / "jupyter_server_config.json").write_text(json.dumps(settings))
    names = [f"JUPYTER_{name}_DIR" for name in ("CONFIG", "RUNTIME")]
    names += [f"JUPYTERLAB_{name}_DIR" for name in ("SETTINGS", "WORKSPACES")]
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    environment |= dict.fromkeys([*names, "IPYTHONDIR"], str(own))
    command = ["make", "-o", f"{sys.prefix}/ready", "-o", "data", f"VENV={sys.prefix}", "lab"]
    with (own / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=course, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield wait_until_up(f"http://127.0.0.1:{port}", server, own / "log"), course
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # make, and what it started
        server.wait()


def wait_until_up(address, server, log):
    for _ in range(300):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{address}/api").close()
            return address
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(f"no JupyterLab after a minute:\n{log.read_text()}")


def run_all(page, name, saved):
    """Run All Cells; then save whenever the kernel rests, until the file has a count in each cell,
    or an error.
    """
    panel = page.locator(".jp-NotebookPanel:not(.lp-mod-hidden)")
    panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=120_000)
    ends, cells = time.monotonic() + LONGEST, []
    while time.monotonic() < ends:
        # A click may be lost while the page arranges itself.
        if not any(cell.execution_count for cell in cells):
            # A cell has to be chosen; elsewhere in it there are links.
            panel.locator(".jp-Cell h1").first.click()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(3000)
        while is_busy(page, name) and time.monotonic() < ends:
            page.wait_for_timeout(500)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        cells = code_cells(saved)
        if errors(cells) or all(cell.execution_count for cell in cells):
            return cells
    raise AssertionError(f"not through after {LONGEST} s")


def is_busy(page, name):
    sessions = page.request.get("/api/sessions").json()
    states = [each["kernel"]["execution_state"] for each in sessions if each["path"] == name]
    return states == ["busy"]


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def errors(cells):
    outputs = [output for cell in cells for output in cell.outputs]
    return [output.evalue for output in outputs if output.output_type == "error"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_cells_runs_all_cells(browser, lab, name):
    address, course = lab
    assert not any(cell.execution_count for cell in code_cells(course / name))
    with visit(browser, address) as page:
        page.goto(f"/lab/tree/{name}?reset")
        cells = run_all(page, name, course / name)
        assert errors(cells) == []
        assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
        # JupyterLab itself may say what it likes.
        assert [c for c in page.complaints if not c.startswith("says")] == []
