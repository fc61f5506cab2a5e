"""Execute notebooks and store what belongs in the repository: the outputs that nbval compares.

    python tests/store_outputs.py notebooks/01_clicks.ipynb ...
    python tests/store_outputs.py            # every notebook of the course

A cell tagged `nbval-check-output` keeps its outputs and its execution count; every other code cell
is stored with neither. What differs from one run or machine to the next (timings, widgets, random
cell ids, kernel details) is left out, so that running this twice gives the same bytes.
"""

import json
import os
import re
import string
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
CHECKED = "nbval-check-output"
KEPT = ("tags", "jupyter", "mystnb", "slideshow", "editable", "deletable")  # of a cell's metadata
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
INVENTED_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,4}(-?[0-9a-f]{12})?")  # an editor's
LOCAL_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|tmp|private|work|workspace|var|opt|mnt)/[^\s'\"<>]*"
    r"|\b[A-Z]:\\{1,2}\w[^\s'\"<>]*"
)
DIFFERS = {  # what can't be the same elsewhere, or can't be compared
    "a memory address": re.compile(r"\bat 0x[0-9a-f]{6,}"),
    "a path of this machine": LOCAL_PATH,
    "a picture": re.compile(r"image/(png|svg\+xml)"),
    "an error": re.compile(r'"output_type": "error"'),
    "nothing": re.compile(r"^\[\]$"),
}


def all_notebooks():
    """The notebooks that the contents list; others in the folder are their owner's."""
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    return [ROOT / f"{name}.ipynb" for name in re.findall(r"file: (notebooks/\S+)", contents)]


def is_checked(cell):
    """Whether nbval compares this cell's output with the stored one."""
    return cell.cell_type == "code" and CHECKED in cell.metadata.get("tags", [])


def execute(path):
    """The notebook at `path`, run from its own folder with this interpreter as the kernel."""
    os.environ |= {"OMP_NUM_THREADS": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    return client.execute()


def strip(notebook):
    """Make the notebook as it is stored: outputs of checked cells only, plain cell ids."""
    taken = {cell.id for cell in notebook.cells}
    for number, cell in enumerate(notebook.cells, start=1):
        if INVENTED_ID.fullmatch(cell.id):  # cell-07, or cell-07b where others kept their names
            names = (f"cell-{number:02d}{letter}" for letter in ["", *string.ascii_lowercase[1:]])
            cell.id = next(name for name in names if name not in taken)
            taken.add(cell.id)
        cell.metadata = {key: cell.metadata[key] for key in KEPT if key in cell.metadata}
        cell.source = cell.source.rstrip()
        if is_checked(cell):
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = {}
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata, notebook.nbformat_minor = KERNEL, 5
    return notebook


def volatile(notebook):
    """What nbval couldn't compare, or would find different elsewhere: (cell id, what) pairs."""
    for cell in filter(is_checked, notebook.cells):
        text = json.dumps(cell.outputs, ensure_ascii=False)
        yield from ((cell.id, what) for what, found in DIFFERS.items() if found.search(text))


def main(paths):
    failed = False
    for path in paths:
        notebook = strip(execute(path))
        reasons = [f"{path}: {cell} shows {what}" for cell, what in volatile(notebook)]
        if not reasons:
            nbformat.write(notebook, path)
        print("\n".join(reasons) or f"{path}: stored", flush=True)
        failed |= bool(reasons)
    return failed


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or all_notebooks()))
