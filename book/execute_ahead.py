"""Execute notebooks two at a time, into the cache that Jupyter Book looks into: `execute_ahead.py
NOTEBOOK ...`.

Jupyter Book itself executes one after the other. Notebooks that measure the machine need that; the
others don't.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "_build" / ".jupyter_cache"
AT_A_TIME = 2  # each may take 2 GiB


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook at `path`, for this environment's kernel whatever it names: see
    nb_kernel_rgx_aliases.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.setdefault("kernelspec", {})["name"] = "python3"
    return notebook


def execute(path: Path):
    """Run the notebook from its own folder; returns it with its outputs, the seconds, and what went
    wrong if any.
    """
    notebook = read(path)
    result = single_nb_execution(notebook, cwd=str(path.parent), timeout=600, allow_errors=False)
    return notebook, result.time, result.exc_string


def main(arguments: list[str]) -> int:
    cache = get_cache(str(CACHE))
    known = {record.hashkey for record in cache.list_cache_records()}
    paths = [Path(argument).resolve() for argument in arguments]
    paths = [path for path in paths if cache.create_hashed_notebook(read(path))[1] not in known]
    failed = 0
    with ProcessPoolExecutor(AT_A_TIME) as pool:
        for path, (notebook, seconds, error) in zip(paths, pool.map(execute, paths), strict=True):
            if error:
                failed += 1
                print(f"{path.relative_to(ROOT)}:\n{error}", file=sys.stderr)
                continue
            bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            print(f"{path.relative_to(ROOT)}: executed in {seconds:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
