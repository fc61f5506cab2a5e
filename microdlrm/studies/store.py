"""Studies: measurements that take longer than a chapter may. One command repeats each, and the
chapters show it.

    python -m microdlrm study            # lists them
    python -m microdlrm study splits     # runs one, and writes book/studies/splits.json

A study is a function that yields records; the first line of its docstring is what they show. They
are aggregates (no rating), and are written with the versions of what they were measured with.
"""

import json
import platform
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd
import sklearn
import torch
from tqdm import tqdm

from microdlrm.studies import chapter4, chapter6, chapter9

_ALL = (*chapter4.STUDIES, *chapter6.STUDIES, *chapter9.STUDIES)
STUDIES = {study.__name__: (study.__doc__.splitlines()[0], study) for study in _ALL}
FOLDER = Path(__file__).resolve().parent.parent.parent / "book" / "studies"


def load(name: str) -> pd.DataFrame:
    """What the study came to, a line a record. Raises FileNotFoundError, and says which command
    writes it.
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        command = "scale" if name == "scale" else f"study {name}"
        says = f"there is no {path.name}: `python -m microdlrm {command}` writes it"
        raise FileNotFoundError(says)
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))["records"])


def write(name: str, says: str, records: list[dict]) -> Path:
    """Store what was measured, with the versions of what it was measured with."""
    versions = dict(python=platform.python_version(), torch=torch.__version__)
    versions |= dict(sklearn=sklearn.__version__)
    head = json.dumps(dict(study=name, says=says, versions=versions), indent=1).removesuffix("\n}")
    rounded = [
        {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in record.items()}
        for record in records
    ]
    lines = ",\n  ".join(map(json.dumps, rounded))  # one record a line
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(f'{head},\n "records": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
    return path


def add_options(command: ArgumentParser) -> None:
    says = "which one to run; none: list them"
    command.add_argument("name", nargs="?", choices=list(STUDIES), help=says)
    command.set_defaults(run=_command)


def _command(options) -> None:
    if options.name is None:
        for name, (says, _) in STUDIES.items():
            there = (FOLDER / f"{name}.json").exists()
            print(f"{name:<10}{says}{'' if there else ' (not measured yet)'}")
        return
    says, study = STUDIES[options.name]
    records = list(tqdm(study(), desc=options.name, unit=" records"))
    print(f"wrote {write(options.name, says, records)}")
