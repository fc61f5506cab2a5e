"""The course's commands: python -m microdlrm COMMAND, and what each is for with -h."""

import argparse
import sys
from importlib import import_module

import torch

# Who does the work, imported when asked to: `add_options(parser)` names the options, and who runs.
COMMANDS = {
    "fetch": ("movielens", "fetch and verify MovieLens-100K"),
    "train": ("training", "train on MovieLens-100K and judge on rows held out"),
    "ceilings": ("machine.ceilings", "measure what this machine can do at best (under 15 s)"),
    "bench": ("machine.headlines", "measure the package's headline ratios (under two minutes)"),
    "study": ("studies.store", "repeat a long measurement of the book; without a name, list them"),
    "scale": ("scaling.study", "the model sharded by TorchRec, against the model in one piece"),
    "check": ("grading.submissions", "check submitted notebooks or .py files"),
    "handout": ("grading.handout", "write chapter 5's exercise as an nbgrader assignment"),
}


def main(arguments: list[str] | None = None) -> int | None:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m microdlrm", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, says) in COMMANDS.items():
        command = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        if name in arguments[:1]:
            import_module(f"microdlrm.{module}").add_options(command)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # such small models are slower on two
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(main())
