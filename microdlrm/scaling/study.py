"""`python -m microdlrm scale`: what chapter 10 shows of TorchRec.

It writes book/studies/scale.json, and needs TorchRec: `make scale` has an environment for it.
"""

from argparse import ArgumentParser
from importlib.util import find_spec

import torch
import torch.distributed as dist
from torch.nn.functional import binary_cross_entropy_with_logits as logloss

from microdlrm import clicks, movielens, training
from microdlrm.histories import histories
from microdlrm.scaling import workers
from microdlrm.scaling.traffic import SHARDINGS
from microdlrm.studies import store

NAME, SAYS = "scale", "TorchRec: the model sharded, its planner's plans, and fused tables"
WORLDS, ROWS = (2, 4), 1024  # rows in a batch
STEPS = {
    # A plain step shows the gradients as they are; Adam's own divides their size away.
    "SGD": lambda tables, others: torch.optim.SGD([*tables, *others], lr=1.0),
    "AdamW": lambda tables, others: torch.optim.AdamW(
        [dict(params=tables, weight_decay=12.0), dict(params=others, weight_decay=0.0)], lr=3e-3
    ),
}


def measure() -> list[dict]:
    """All that chapter 10 shows of TorchRec: some minutes.

    Raises ImportError without TorchRec, WorkerError where the processes don't finish.
    """
    if not find_spec("torchrec"):
        raise ImportError("TorchRec isn't installed here: `make scale` sets up what has it")
    from microdlrm.scaling import fused, planned

    records = fused.measure()
    for world in WORLDS:
        found = workers.run(work, world, seconds=900)
        records += [dict(what="sharded", processes=world) | record for record in found]
    records += planned.estimates(64, table=20)  # whose bags hold 100 ids
    return records + [planned.plan(devices) for devices in (8, 64, 512)]


def add_options(command: ArgumentParser) -> None:
    command.set_defaults(run=lambda options: print(f"wrote {store.write(NAME, SAYS, measure())}"))


# --- what each process does ---


def work(rank: int, world: int) -> list[dict]:
    from microdlrm.scaling import torchrec as sharded

    ratings = movielens.load()
    split = clicks.split(ratings)
    features = (clicks.genres(ratings), *histories(ratings, split.train))
    prepared = clicks.prepare(ratings, split.train).add(*features)
    cases = [(kind, step) for kind in SHARDINGS for step in STEPS]
    return [compare(sharded, prepared, split, *case) for case in cases]


def compare(sharded, prepared: clicks.Clicks, split: clicks.Split, kind: str, step: str) -> dict:
    """The model in one piece and the sharded one, side by side on the same batches.

    outputs, weights   the largest differences of logits and, after the first step, of weights
    moved              how far that step went
    auc, auc_in_one_piece   on test rows, after an epoch of AdamW
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    alone = training.build(prepared)
    dealt = sharded.shard(alone, kind)
    before = {name: weight.clone() for name, weight in alone.state_dict().items()}
    tables = ((alone, "emb_l"), (dealt, sharded.TABLES))
    steps = [STEPS[step](*_two_groups(model, name)) for model, name in tables]
    record = dict(kind=kind, step=step)
    for start in range(0, len(split.train), ROWS):
        rows = split.train[start : start + ROWS]
        mine = slice(rank * len(rows) // world, (rank + 1) * len(rows) // world)
        batch, own = (next(clicks.batches(prepared, some, ROWS)) for some in (rows, rows[mine]))
        expected = alone.logits(*batch.inputs)  # (B, 1)
        got = dealt(own.dense_x, sharded.keyed(own))  # (B / W, 1)
        both = ((expected, batch.y), (got, own.y))
        for (logits, y), optimiser in zip(both, steps, strict=True):
            optimiser.zero_grad()
            logloss(logits, y).backward()
            optimiser.step()
        if not start:
            after, due = sharded.whole(dealt, alone).state_dict(), alone.state_dict()
            record |= dict(
                outputs=_most([(got, expected[mine])]),
                weights=_most((after[name], due[name]) for name in due),
                moved=_most((before[name], due[name]) for name in due),
            )
            if step == "SGD":
                return record
    both = (alone, sharded.whole(dealt, alone))
    in_one_piece, auc = (training.evaluate(model, prepared, split.test).auc for model in both)
    return record | dict(auc=auc, auc_in_one_piece=in_one_piece)


def _two_groups(model, tables: str) -> tuple[list, list]:
    named = [(tables in name, p) for name, p in model.named_parameters() if p.numel()]
    return [p for own, p in named if own], [p for own, p in named if not own]


def _most(pairs) -> float:
    """The largest difference, over all processes."""
    largest = max((a - b).abs().max().item() for a, b in pairs)
    every = torch.tensor([largest], dtype=torch.float64)
    dist.all_reduce(every, dist.ReduceOp.MAX)
    return every.item()
