"""`python -m microdlrm scale`: the model sharded by TorchRec against the model in one piece, on 2 and 4 processes.

It writes book/studies/scale.json, and needs TorchRec: `make scale` has an environment for it. The same module is what
each of the processes runs, by torchrun: see `workers.run`.
"""

from argparse import ArgumentParser

import numpy as np
import torch
from torch import Tensor

from microdlrm import clicks, movielens, training
from microdlrm.clicks import Batch, Clicks
from microdlrm.histories import histories
from microdlrm.scaling import workers
from microdlrm.studies import store

NAME, SAYS = "scale", "The model sharded by TorchRec against the model in one piece, on 2 and 4 processes"
WORLDS = (2, 4)
EPOCHS = 2


def measure() -> list[dict]:
    """What the processes found: differences of outputs and weights for each kind of sharding, and AUC after training.

    Raises ImportError without TorchRec, WorkerError where the processes don't finish.
    """
    from microdlrm.scaling import torchrec  # noqa: F401  its message is better than that of four processes

    records, alone = [], in_one_piece()
    for world in WORLDS:
        records += workers.run("microdlrm.scaling.study", world, seconds=600)["records"]
    return [r | dict(auc_in_one_piece=alone) if r["what"] == "training" else r for r in records]


def planned(devices: int) -> list[dict]:
    """Where TorchRec's own planner puts the tables of MLPerf's DCN-v2, on so many devices of 80 GB, 8 to a host."""
    import logging

    from torchrec import EmbeddingBagCollection, EmbeddingBagConfig
    from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
    from torchrec.distributed.planner import EmbeddingShardingPlanner, ParameterConstraints, Topology

    from microdlrm.scaling.published import BATCH, MEMORY, MLPERF_DCN

    tables = [
        EmbeddingBagConfig(
            name=f"table {k}", num_embeddings=rows, embedding_dim=MLPERF_DCN.m_spa, feature_names=[f"bag {k}"]
        )
        for k, rows in enumerate(MLPERF_DCN.rows)
    ]
    planner = EmbeddingShardingPlanner(
        topology=Topology(devices, "cuda", hbm_cap=int(MEMORY), local_world_size=8),
        batch_size=BATCH // devices,
        constraints={
            f"table {k}": ParameterConstraints(pooling_factors=[bag]) for k, bag in enumerate(MLPERF_DCN.bags)
        },
        debug=False,
    )
    logging.getLogger("torchrec").setLevel(logging.ERROR)
    plan = planner.plan(
        EmbeddingBagCollection(device=torch.device("meta"), tables=tables), [EmbeddingBagCollectionSharder()]
    )
    (of_tables,) = plan.plan.values()
    return [
        dict(what="plan", processes=devices, table=k, kind=_OURS[shard.sharding_type], ranks=list(shard.ranks))
        for k, shard in ((int(name.split()[1]), shard) for name, shard in of_tables.items())
    ]


_OURS = dict(
    table_wise="table", row_wise="row", table_row_wise="row", column_wise="column", table_column_wise="column",
    data_parallel="data",
)  # fmt: skip


def add_options(command: ArgumentParser) -> None:
    command.set_defaults(run=_command)


def _command(options) -> None:
    records = measure()
    for devices in (8, 64, 512):
        records += planned(devices)
    print(f"wrote {store.write(NAME, SAYS, records)}")


# --- what each process does ---


def data() -> tuple[clicks.Split, Clicks]:
    """MovieLens-100K with genres and both histories."""
    ratings = movielens.load()
    split = clicks.split(ratings)
    return split, clicks.prepare(ratings, split.train).add(
        clicks.genres(ratings), *histories(ratings, split.train)
    )


def in_one_piece() -> float:
    """The test AUC of the single process, after the same epochs."""
    split, prepared = data()
    model, aucs = training.build(prepared), []
    training.fit(
        model, prepared, split, epochs=EPOCHS,
        watch=lambda model, epoch: aucs.append(training.evaluate(model, prepared, split.test).auc),
    )  # fmt: skip
    return aucs[-1]


def work() -> None:
    from microdlrm.scaling import torchrec as sharded

    with workers.joined() as (_, world):
        split, prepared = data()
        batch = next(clicks.batches(prepared, split.train[:512], 512))
        records = []
        for kind in sharded.KINDS:
            records += [compare(sharded, prepared, batch, kind, name) for name in STEPS]
        records.append(trained(sharded, prepared, split, "table"))
        workers.report(dict(records=[dict(processes=world) | record for record in records]))


STEPS = {
    # A plain step shows the gradients as they are; Adam's own divides their size away.
    "SGD": lambda tables, others: torch.optim.SGD([*tables, *others], lr=1.0),
    "AdamW": lambda tables, others: torch.optim.AdamW(
        [dict(params=tables, weight_decay=12.0), dict(params=others, weight_decay=0.0)], lr=3e-3
    ),
}


def compare(sharded, prepared: Clicks, batch: Batch, kind: str, step: str) -> dict:
    """The largest differences of logits and, after one step, of weights; and by how much the step moved them."""
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    alone = training.build(prepared)
    before = {name: weight.clone() for name, weight in alone.state_dict().items()}
    dealt = sharded.shard(sharded.to_torchrec(alone), kind)
    mine = slice(rank * len(batch.y) // world, (rank + 1) * len(batch.y) // world)

    expected = alone.logits(*batch.inputs)  # (B, 1)
    torch.nn.functional.binary_cross_entropy_with_logits(expected, batch.y).backward()
    STEPS[step](*_two_groups(alone, "emb_l")).step()

    got = dealt(batch.dense_x[mine], sharded.keyed(batch, mine.start, mine.stop))  # (B / W, 1)
    torch.nn.functional.binary_cross_entropy_with_logits(got, batch.y[mine]).backward()
    STEPS[step](*_two_groups(dealt, sharded.TABLES)).step()

    after, own = sharded.whole(dealt, sharded.to_torchrec(alone)).state_dict(), alone.state_dict()
    return dict(
        what="one step",
        kind=kind,
        step=step,
        outputs=_most(_largest(got, expected[mine])),
        weights=_most(max(_largest(after[name], own[name]) for name in own)),
        moved=_most(max(_largest(own[name], before[name]) for name in own)),
    )


def _two_groups(model, tables: str) -> tuple[list, list]:
    named = [(name, p) for name, p in model.named_parameters() if p.numel()]
    return [p for name, p in named if tables in name], [p for name, p in named if tables not in name]


def _largest(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def _most(value: float) -> float:
    """The largest over all processes."""
    every = torch.tensor([value], dtype=torch.float64)
    torch.distributed.all_reduce(every, torch.distributed.ReduceOp.MAX)
    return every.item()


def trained(sharded, prepared: Clicks, split: clicks.Split, kind: str, batch_size: int = 1024) -> dict:
    """`training.fit`'s recipe on shards: the same batches in the same order, each dealt to all processes."""
    world = torch.distributed.get_world_size()
    alone = sharded.to_torchrec(training.build(prepared))
    dealt = sharded.shard(alone, kind)
    optimiser = STEPS["AdamW"](*_two_groups(dealt, sharded.TABLES))
    steps = EPOCHS * -(-len(split.train) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=steps)
    generator = torch.Generator().manual_seed(0)
    train = torch.from_numpy(np.array(split.train))
    for _ in range(EPOCHS):
        mine = sharded.deal(train[torch.randperm(len(train), generator=generator)], batch_size)
        for batch in clicks.batches(prepared, mine, batch_size // world):
            logits = dealt(batch.dense_x, sharded.keyed(batch))  # (B / W, 1)
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.y).backward()
            optimiser.step()
            schedule.step()
    model = sharded.whole(dealt, alone)
    return dict(what="training", kind=kind, epochs=EPOCHS, auc=training.evaluate(model, prepared, split.test).auc)


if __name__ == "__main__":
    work()
