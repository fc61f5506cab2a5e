"""python -m microdlrm fetch | train | ceilings | bench | study | scale | check | handout: the
course's commands.
"""

import argparse
import sys
from importlib import import_module

import torch

# Who does the work, imported when asked to: `add_options(parser)` names the options, and who runs.
COMMANDS = {
    "fetch": ("microdlrm.movielens", "fetch and verify MovieLens-100K"),
    "train": ("microdlrm.training", "train on MovieLens-100K and judge on the test rows"),
    "ceilings": (
        "microdlrm.machine.ceilings",
        "measure what this machine can do at best (under 15 s)",
    ),
    "bench": (
        "microdlrm.machine.headlines",
        "measure the package's headline ratios (under two minutes)",
    ),
    "study": (
        "microdlrm.studies.store",
        "repeat a long measurement that the book shows; without a name, list them",
    ),
    "scale": (
        "microdlrm.scaling.study",
        "the model sharded by TorchRec, against the model in one piece",
    ),
    "check": ("microdlrm.grading.submissions", "check submitted notebooks or .py files"),
    "handout": (
        "microdlrm.grading.handout",
        "write the exercise of chapter 5 as an nbgrader assignment",
    ),
}


def main(arguments: list[str] | None = None) -> int | None:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m microdlrm", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, says) in COMMANDS.items():
        command = commands.add_parser(name, help=says, description=says.capitalize() + ".")
        if name in arguments[:1]:
            import_module(module).add_options(command)
    options = parser.parse_args(arguments)
    torch.set_num_threads(
        1
    )  # the models are too small to share: a second thread costs more than it brings
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(main())
