"""python -m microdlrm fetch | train | ceilings | bench | check | handout: the course's commands."""

import argparse
import json

import pandas as pd
import torch

from microdlrm.exercises import grading, handout


def main(arguments: list[str] | None = None) -> int | None:
    parser = argparse.ArgumentParser(prog="python -m microdlrm", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for add in (_add_fetch, _add_train, _add_ceilings, _add_bench):
        add(commands)
    grading.add_options(commands.add_parser("check", help="check submitted notebooks or .py files"))
    handout.add_options(
        commands.add_parser("handout", help="write the exercise of chapter 5 as an nbgrader assignment")
    )
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
    command = commands.add_parser(
        "train",
        help="train on MovieLens-100K and judge on the test rows",
        description="Train on 80% of MovieLens-100K, choose the epoch on 10%, judge on the last 10%.",
    )
    command.add_argument("--interaction", choices=("concat", "dot"), default="dot", help="how vectors meet [dot]")
    command.add_argument("--histories", action="store_true", help="add the user's and the movie's histories as bags")
    command.add_argument("--no-genres", action="store_true", help="leave out the bag of genres")
    command.add_argument(
        "--split",
        choices=("random", "time", "user"),
        default="random",
        help="which rows are held out: random ones, the newest, each user's newest [random]; "
        "on the last two, histories hold only the past",
    )
    command.add_argument(
        "--features",
        choices=("honest", "leaky"),
        default="honest",
        help="the course's 16 features, or the original ones with their leak [honest]",
    )
    command.add_argument("--seeds", type=int, default=1, metavar="N", help="train N models, seeds 0 to N - 1 [1]")
    command.add_argument(
        "--target", type=float, metavar="ACCURACY", help="stop at this validation accuracy and print the time to it"
    )
    command.add_argument("--checkpoint", metavar="PATH", help="save the model of the last seed")
    command.add_argument("--json", action="store_true", help="print one JSON object a seed, and nothing else")
    command.set_defaults(run=_train)


def _train(options):
    from microdlrm import checkpoint, clicks, movielens, training
    from microdlrm.histories import histories

    if options.seeds < 1:
        raise SystemExit(f"--seeds must be at least 1, got {options.seeds}")
    data = movielens.load()
    split = clicks.split(data, options.split)
    prepared = clicks.seed_features(data) if options.features == "leaky" else clicks.prepare(data, split.train)
    bags = histories(data, prepared, split.train, past=options.split != "random") if options.histories else ()
    results = []
    for seed in range(options.seeds):
        model, epochs = training.train(
            prepared,
            split,
            options.interaction,
            seed,
            genres=not options.no_genres,
            histories=bags,
            target=options.target,
            progress=not options.json,
        )
        result = dict(seed=seed) | training.evaluate(model, prepared, split.test, bags)._asdict()
        result["cpu_seconds"] = epochs["cpu_seconds"].iloc[-1]
        result["parameters"] = sum(p.numel() for p in model.parameters())
        if options.target is not None:
            result["reached"] = bool(epochs["accuracy"].iloc[-1] >= options.target)
        results.append(result)
        if options.json:
            print(json.dumps(result), flush=True)
    if options.checkpoint:
        checkpoint.save(options.checkpoint, model, prepared)
    if not options.json:
        print(_summary(pd.DataFrame(results).set_index("seed"), options))


def _summary(table: pd.DataFrame, options) -> str:
    lines = [table.to_string(float_format="{:.4f}".format), "", "median [lowest, highest] on the test rows:"]
    for name in ("accuracy", "auc", "logloss"):
        column = table[name]
        lines.append(f"  {name:9} {column.median():.4f} [{column.min():.4f}, {column.max():.4f}]")
    if options.target is not None:
        reached = table[table["reached"]]
        lines.append(f"validation accuracy {options.target:g} reached by {len(reached)} of {len(table)} seeds")
        if len(reached):
            lines[-1] += f", in {reached['cpu_seconds'].median():.2f} CPU-seconds of training (median)"
    if options.checkpoint:
        lines.append(f"saved {options.checkpoint}")
    return "\n".join(lines)


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
