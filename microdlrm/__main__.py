"""python -m microdlrm fetch | train | ceilings | bench | check: the course's commands."""

import argparse
import json

import pandas as pd
import torch

from microdlrm import _grade


def main(arguments: list[str] | None = None) -> int | None:
    parser = argparse.ArgumentParser(prog="python -m microdlrm", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for add in (_add_fetch, _add_train, _add_ceilings, _add_bench, _grade.add_command):
        add(commands)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the models are too small to share: a second thread costs more than it brings
    return options.run(options)


def _add_fetch(commands):
    command = commands.add_parser("fetch", help="fetch and verify MovieLens-100K")
    command.set_defaults(run=_fetch)


def _fetch(options):
    from microdlrm import movielens

    movielens.fetch()


def _add_train(commands):
    command = commands.add_parser("train", help="train on MovieLens-100K and judge on the test rows")
    command.add_argument("--interaction", choices=("concat", "dot"), default="dot")
    command.add_argument("--seeds", type=int, default=1, metavar="N", help="train N models, seeds 0 to N - 1")
    command.add_argument("--no-genres", action="store_true", help="leave out the bag of genres")
    command.add_argument("--split", choices=("random", "time", "user"), default="random", help="80/10/10")
    command.add_argument("--json", action="store_true", help="print one JSON object a seed, and nothing else")
    command.set_defaults(run=_train)


def _train(options):
    from microdlrm import clicks, movielens, training

    data = movielens.load()
    split = clicks.split(data, options.split)
    prepared = clicks.prepare(data, split.train)
    results = []
    for seed in range(options.seeds):
        model, history = training.train(
            prepared, split, options.interaction, seed, genres=not options.no_genres, progress=not options.json
        )
        results.append(
            dict(seed=seed)
            | training.evaluate(model, prepared, split.test)._asdict()
            | dict(cpu_seconds=history["cpu_seconds"].iloc[-1], parameters=sum(p.numel() for p in model.parameters()))
        )
        if options.json:
            print(json.dumps(results[-1]), flush=True)
    if not options.json:
        table = pd.DataFrame(results).set_index("seed")
        print(table.to_string(float_format="{:.4f}".format))
        print("\nmedian [lowest, highest] on the test rows:")
        for name in training.Metrics._fields:
            print(f"  {name:9} {table[name].median():.4f} [{table[name].min():.4f}, {table[name].max():.4f}]")


def _add_ceilings(commands):
    command = commands.add_parser("ceilings", help="measure what this machine can do at best (under 15 s)")
    command.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    command.set_defaults(run=_ceilings)


def _ceilings(options):
    from microdlrm import bench

    ceilings = bench.ceilings()
    print(json.dumps(ceilings.json()) if options.json else ceilings)


def _add_bench(commands):
    command = commands.add_parser("bench", help="measure the package's headline ratios (under two minutes)")
    command.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    command.set_defaults(run=_bench)


def _bench(options):
    from microdlrm import headlines

    results = headlines.headlines()
    if options.json:
        print(json.dumps({name: headline.ratio.median for name, headline in results.items()}))
    else:
        print(headlines.table(results))


if __name__ == "__main__":
    raise SystemExit(main())
