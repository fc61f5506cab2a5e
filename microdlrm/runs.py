"""`python -m microdlrm train`: models from several seeds, trained and judged alike."""

import json
from argparse import ArgumentParser

import pandas as pd

from microdlrm import checkpoint, clicks, movielens, training
from microdlrm.histories import histories


def add_options(command: ArgumentParser) -> None:
    command.description = "Train on 80% of MovieLens-100K, choose the epoch on 10%, judge on the last 10%."
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
    command.set_defaults(run=run)


def run(options) -> None:
    if options.seeds < 1:
        raise SystemExit(f"--seeds must be at least 1, got {options.seeds}")
    if options.checkpoint:  # before the training, not after it
        try:
            options.checkpoint = checkpoint.place(options.checkpoint)
        except checkpoint.CheckpointError as error:
            raise SystemExit(f"--checkpoint: {error}") from None
    prepared, split = prepare(options)
    results = []
    for seed in range(options.seeds):
        model, epochs = training.train(
            prepared, split, options.interaction, seed, target=options.target, progress=not options.json
        )
        result = dict(seed=seed) | training.evaluate(model, prepared, split.test)._asdict()
        result["cpu_seconds"] = epochs["cpu_seconds"].iloc[-1]
        result["parameters"] = sum(p.numel() for p in model.parameters())
        if options.target is not None:
            result["reached"] = bool(epochs["accuracy"].iloc[-1] >= options.target)
        results.append(result)
        if options.json:
            print(json.dumps(result), flush=True)
    if not options.json:
        print(summary(pd.DataFrame(results).set_index("seed"), options), flush=True)
    if options.checkpoint:  # last: whatever happens to the file, the results are out
        try:
            checkpoint.save(options.checkpoint, model, prepared)
        except OSError as error:
            raise SystemExit(f"--checkpoint: {options.checkpoint} could not be written: {error}") from None
        if not options.json:
            print(f"saved {options.checkpoint}")


def prepare(options) -> tuple[clicks.Clicks, clicks.Split]:
    """The data set that the options ask for."""
    data = movielens.load()
    split = clicks.split(data, options.split)
    prepared = clicks.seed_features(data) if options.features == "leaky" else clicks.prepare(data, split.train)
    if not options.no_genres:
        prepared = prepared.add(clicks.genres(data))
    if options.histories:
        prepared = prepared.add(*histories(data, split.train, past=options.split != "random"))
    return prepared, split


def summary(table: pd.DataFrame, options) -> str:
    """What `train` prints: a line a seed, then the medians."""
    lines = [table.to_string(float_format="{:.4f}".format), "", "median [lowest, highest] on the test rows:"]
    for name in ("accuracy", "auc", "logloss"):
        column = table[name]
        lines.append(f"  {name:9} {column.median():.4f} [{column.min():.4f}, {column.max():.4f}]")
    if options.target is not None:
        reached = table[table["reached"]]
        lines.append(f"validation accuracy {options.target:g} reached by {len(reached)} of {len(table)} seeds")
        if len(reached):
            lines[-1] += f", in {reached['cpu_seconds'].median():.2f} CPU-seconds of training (median)"
    return "\n".join(lines)
