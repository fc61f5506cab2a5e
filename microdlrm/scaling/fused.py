"""Table-batched embeddings with a fused optimiser, FBGEMM's on the CPU, against 26 EmbeddingBags.

One operator looks up the bags of all tables. On the way back it changes each row as soon as the
row's gradient is known, so no table's gradient is ever stored (Mudigere et al. 2022, section 4.1).
"""

import torch
from fbgemm_gpu import split_table_batched_embeddings_ops_training as fbgemm
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from torch import Tensor, nn

from microdlrm.machine import timing
from microdlrm.wild.adagrad import RowwiseAdagrad

TABLES, ROWS, M = 26, 100_000, 32
BATCHES = ((256, 1), (1024, 20))  # rows, and ids in each bag
RATE = dict(lr=0.1, eps=1e-8)
STEPS = {
    "SGD": (lambda p: torch.optim.SGD(p, lr=0.1), EmbOptimType.EXACT_SGD),
    "Adagrad": (lambda p: torch.optim.Adagrad(p, **RATE), EmbOptimType.EXACT_ADAGRAD),
    "row-wise Adagrad": (
        lambda p: RowwiseAdagrad(p, **RATE), EmbOptimType.EXACT_ROWWISE_ADAGRAD,
    ),
}  # fmt: skip


def two_ways(step: str, weights: list[Tensor]):
    """A bag a table with sparse gradients, and all tables in one.

    Each takes ids (26, B L), offsets (B,) of a table's bags, and the gradient of what it returns,
    (B, 26 m), or None: then it only looks up. Returns both, and both lists of tables.
    """
    optimiser, fused_step = STEPS[step]
    bags = [nn.EmbeddingBag(ROWS, M, mode="sum", sparse=True, _weight=w.clone()) for w in weights]
    stepping = optimiser([bag.weight for bag in bags])
    where = (fbgemm.EmbeddingLocation.HOST, fbgemm.ComputeDevice.CPU)
    fused = fbgemm.SplitTableBatchedEmbeddingBagsCodegen(
        [(ROWS, M, *where)] * TABLES, optimizer=fused_step, learning_rate=0.1, eps=1e-8
    )
    for own, weight in zip(fused.split_embedding_weights(), weights, strict=True):
        own.copy_(weight)

    def apart(ids, offsets, gradient):
        out = torch.cat([bag(own, offsets) for bag, own in zip(bags, ids, strict=True)], 1)
        if gradient is not None:
            stepping.zero_grad()
            out.backward(gradient)
            stepping.step()
        return out

    def together(ids, offsets, gradient):
        starts = [offsets + table * ids.shape[1] for table in range(TABLES)]
        out = fused(ids.flatten(), torch.cat([*starts, torch.tensor([ids.numel()])]))
        if gradient is not None:
            out.backward(gradient)
        return out

    return (apart, together), ([bag.weight for bag in bags], fused.split_embedding_weights())


def measure() -> list[dict]:
    """By batch and optimiser, the milliseconds of both ways; and by how much their outputs and,
    after three steps, their tables differ."""
    draw = torch.Generator().manual_seed(0)
    weights = [0.1 * torch.randn(ROWS, M, generator=draw) for _ in range(TABLES)]
    records = []
    for batch, bag in BATCHES:
        size, offsets = (TABLES, batch * bag), torch.arange(0, batch * bag, bag)
        ids = [torch.randint(ROWS, size, generator=draw) for _ in range(8)]
        gradient = torch.randn(batch, TABLES * M, generator=draw)
        for step in STEPS:
            ways, tables = two_ways(step, weights)
            outputs = [[way(ids[k], offsets, gradient) for way in ways] for k in range(3)]
            equal = dict(
                outputs=max(_largest(*both) for both in outputs),
                weights=max(map(_largest, *tables)),
                moved=max(map(_largest, tables[0], weights)),
            )
            # Looking up alone is the same for every optimiser: timed once.
            for said, goal in ((step, gradient), ("lookup alone", None))[: 1 + (step == "SGD")]:
                cases = [(own, offsets, goal) for own in ids]
                calls = [lambda i, way=way, cases=cases: way(*cases[i % 8]) for way in ways]
                times = timing.compare(dict(zip(("bags_ms", "fused_ms"), calls, strict=True)))
                took = {name: spread.median * 1e3 for name, spread in times.items()}
                records.append(dict(what="fused", batch=batch, bag=bag, step=said) | took | equal)
    return records


def _largest(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()
