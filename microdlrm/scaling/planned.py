"""What TorchRec's own planner does with MLPerf's DCN-v2: it plans on paper, so it needs no devices.

The cluster is stated here: devices of 80 GB whose memory delivers 2,000 GB a second, 8 to a host,
joined by 300 GB a second inside it and 25 between hosts, each way; a batch of 65,536, divided over
all of them; Adagrad; columns in pieces of no less than 32. All times are the planner's estimates.
"""

import logging

import torch
from torch.distributed.optim import _apply_optimizer_in_backward
from torchrec import EmbeddingBagCollection
from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
from torchrec.distributed.planner import EmbeddingShardingPlanner, ParameterConstraints, Topology

from microdlrm.scaling.published import BATCH, MEMORY, MLPERF_DCN
from microdlrm.scaling.torchrec import described

CLUSTER = dict(  # bytes, and bytes a millisecond
    hbm_cap=int(MEMORY), local_world_size=8, hbm_mem_bw=2e9, intra_host_bw=3e8, inter_host_bw=25e6
)
NARROWEST = 32


def _asked(devices: int) -> tuple[EmbeddingShardingPlanner, EmbeddingBagCollection, list]:
    logging.getLogger().setLevel(logging.ERROR)
    tables = described(MLPERF_DCN.rows, MLPERF_DCN.m_spa, range(len(MLPERF_DCN.rows)))
    collection = EmbeddingBagCollection(device=torch.device("meta"), tables=tables)
    # The planner reads from the tables which optimiser will keep its state beside them.
    _apply_optimizer_in_backward(torch.optim.Adagrad, collection.parameters(), {})
    bags = {
        f"table {k}": ParameterConstraints(pooling_factors=[bag], min_partition=NARROWEST)
        for k, bag in enumerate(MLPERF_DCN.bags)
    }
    topology = Topology(devices, "cuda", **CLUSTER)
    planner = EmbeddingShardingPlanner(topology, BATCH // devices, constraints=bags, debug=False)
    return planner, collection, [EmbeddingBagCollectionSharder()]


def plan(devices: int) -> dict:
    """How many tables go which way, how many devices get a part, and what the busiest does."""
    planner, collection, sharders = _asked(devices)
    planner.plan(collection, sharders)
    work, held, kinds = [0.0] * devices, [0] * devices, {}
    for option in planner._best_plan:
        kinds[option.sharding_type] = kinds.get(option.sharding_type, 0) + 1
        for shard in option.shards:
            work[shard.rank] += shard.perf.total
            held[shard.rank] += shard.storage.hbm
    found = dict(what="plan", devices=devices, kinds=kinds, used=sum(ms > 0 for ms in work))
    times = dict(busiest_ms=max(work), mean_ms=sum(work) / devices)
    return found | times | dict(fullest_gb=max(held) / 1e9)


def estimates(devices: int, table: int) -> list[dict]:
    """By kind of sharding, what a step takes the busiest part of a table."""
    planner, collection, sharders = _asked(devices)
    found = []
    for option in planner._enumerator.enumerate(collection, sharders):
        if option.name == f"table {table}" and option.compute_kernel in ("fused", "dense"):
            perf = max((shard.perf for shard in option.shards), key=lambda perf: perf.total)
            record = dict(what="estimate", kind=option.sharding_type, parts=len(option.shards))
            record |= dict(
                lookups_ms=perf.fwd_compute + perf.bwd_compute,
                network_ms=perf.fwd_comms + perf.bwd_comms,
                ids_ms=perf.input_dist_comms,  # which the planner's total leaves out
            )
            found.append(record)
    return sorted(found, key=lambda record: record["kind"])
