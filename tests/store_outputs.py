"""Execute notebooks and store what belongs in the repository: the outputs that nbval compares, and no others.

    python tests/store_outputs.py notebooks/01_clicks.ipynb ...
    python tests/store_outputs.py            # every notebook

A cell tagged `nbval-check-output` keeps its outputs and its execution count; every other code cell is stored
with neither. What differs from one run or machine to the next (timings, widget state, random cell ids, kernel
details) is left out, so that running this twice gives the same bytes.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKED = "nbval-check-output"
INVENTED_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,4}(-?[0-9a-f]{12})?")  # by an editor, at random
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
LOCAL_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|tmp|private|work|workspace|var|opt|mnt)/[^\s'\"<>]*"
    r"|\b[A-Z]:\\{1,2}\w[^\s'\"<>]*"
)
CELL_METADATA = ("tags", "jupyter", "mystnb", "slideshow", "editable", "deletable")


def all_notebooks():
    """Every notebook of the course, the solutions last."""
    folder = ROOT / "notebooks"
    return sorted(folder.glob("*.ipynb")) + sorted((folder / "solutions").glob("*.ipynb"))


def is_checked(cell):
    """Whether nbval compares this cell's output with the stored one."""
    return cell["cell_type"] == "code" and CHECKED in cell["metadata"].get("tags", [])


def execute(path, timeout=600):
    """Run the notebook at `path` from its own folder, with this interpreter as the kernel.

    Returns it with its outputs. Raises nbclient's CellExecutionError when a cell raises, and its
    CellTimeoutError when one takes longer than `timeout` seconds.
    """
    import nbformat
    from nbclient import NotebookClient

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("JUPYTER_PATH", None)  # a "python3" kernel installed elsewhere must not take over
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
    )
    client.execute()
    return notebook


def strip(notebook):
    """The notebook as it is stored: outputs of checked cells only, no volatile metadata, plain cell ids."""
    cells = []
    taken = {cell.get("id") for cell in notebook["cells"]}
    for number, cell in enumerate(notebook["cells"], start=1):
        kept = {"cell_type": cell["cell_type"], "id": cell.get("id")}
        if kept["id"] is None or INVENTED_ID.fullmatch(kept["id"]):
            kept["id"] = next(i for i in candidates(number) if i not in taken)
            taken.add(kept["id"])
        kept["metadata"] = {k: cell["metadata"][k] for k in CELL_METADATA if k in cell["metadata"]}
        if cell["cell_type"] == "code":
            checked = is_checked(cell)
            kept["execution_count"] = cell.get("execution_count") if checked else None
            kept["outputs"] = [tidy(o) for o in merge_streams(cell["outputs"])] if checked else []
        kept["source"] = "".join(cell["source"]).rstrip()
        cells.append(kept)
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def candidates(number):
    """cell-07, then cell-07b, cell-07c … for a cell put in among others that kept their names."""
    yield f"cell-{number:02d}"
    yield from (f"cell-{number:02d}{suffix}" for suffix in "bcdefghijklmnopqrstuvwxyz")


def merge_streams(outputs):
    """One output per stream, as nbval merges them: how a stream is cut into messages differs between runs."""
    merged, streams = [], {}
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in streams:
            streams[output["name"]]["text"] += "".join(output["text"])
            continue
        output = dict(output)
        if output["output_type"] == "stream":
            output["text"] = "".join(output["text"])
            streams[output["name"]] = output
        merged.append(output)
    return merged


def tidy(output):
    """One output without its metadata, its text as lists of lines as Jupyter writes it."""
    output = dict(output)
    if "metadata" in output:
        output["metadata"] = {}
    if "text" in output:
        output["text"] = output["text"].splitlines(keepends=True)
    if "data" in output:
        output["data"] = {
            mime: "".join(value).splitlines(keepends=True) if isinstance(value, str | list) else value
            for mime, value in sorted(output["data"].items())
            if not mime.startswith("application/vnd.jupyter.widget")
        }
    return output


def volatile(notebook):
    """Reasons why a stored output can't be the same elsewhere: (cell id, reason) pairs."""
    reasons = []
    for cell in notebook["cells"]:
        if not is_checked(cell):
            continue
        text = json.dumps(cell["outputs"], ensure_ascii=False)
        if not cell["outputs"]:
            reasons.append((cell["id"], "is tagged nbval-check-output but shows nothing"))
        if any(o["output_type"] == "error" for o in cell["outputs"]):
            reasons.append((cell["id"], "raises"))
        if ADDRESS.search(text):
            reasons.append((cell["id"], "shows a memory address"))
        if LOCAL_PATH.search(text):
            reasons.append((cell["id"], f"shows a path of this machine: {LOCAL_PATH.search(text).group()}"))
        if "image/png" in text or "image/svg+xml" in text:
            reasons.append((cell["id"], "stores a picture, which nbval can't compare"))
    return reasons


def write(notebook, path):
    """Write what `strip` returned, its text as lists of lines."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"  # as JupyterLab saves it
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    parser.add_argument("--timeout", type=int, default=600, help="seconds allowed for one cell")
    options = parser.parse_args(arguments)
    failed = 0
    for path in options.notebooks or all_notebooks():
        notebook = strip(execute(path, options.timeout))
        reasons = volatile(notebook)
        for cell_id, reason in reasons:
            print(f"{path}: {cell_id} {reason}", file=sys.stderr)
        if reasons:
            failed += 1
            continue
        write(notebook, path)
        print(f"{path}: {sum(map(is_checked, notebook['cells']))} checked cells stored")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
