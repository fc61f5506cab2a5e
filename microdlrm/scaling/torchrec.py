"""The same model on TorchRec (Ivchenko et al. 2022), its tables sharded over processes: there by
`shard`, whose forward takes `keyed(batch)`, and back by `whole`.

TorchRec is no part of the course's environment: `make scale` makes one that has it. Each of W
processes has B / W of a batch's rows. Tables are sharded, MLPs are replicated, their gradients
averaged.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torchrec import EmbeddingBagCollection, EmbeddingBagConfig, KeyedJaggedTensor
from torchrec.distributed import DistributedModelParallel
from torchrec.distributed import sharding_plan as ways
from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
from torchrec.distributed.types import ShardingPlan
from torchrec.models.dlrm import DLRM

from microdlrm.clicks import Batch
from microdlrm.model import MicroDLRM

TABLES = "sparse_arch.embedding_bag_collection"
FIRST = "top_l.0.weight"  # of the layer that meets the interaction
DENSE = dict(compute_kernel="dense")  # gradients as PyTorch's: any of its optimisers takes the step


def keyed(batch: Batch) -> KeyedJaggedTensor:
    """The batch's bags as TorchRec takes them: one tensor of ids for all features, "bag 0", "bag
    1", ..., and a length for each bag."""
    bags = list(zip(batch.sparse_indices, batch.sparse_offsets, batch.sparse_weights, strict=True))
    lengths = [torch.diff(starts, append=torch.tensor([len(ids)])) for ids, starts, _ in bags]
    weights = [torch.ones(len(ids)) if own is None else own for ids, _, own in bags]
    keys = [f"bag {b}" for b in range(len(bags))]
    ids = torch.cat(batch.sparse_indices)
    return KeyedJaggedTensor(keys, ids, torch.cat(weights), torch.cat(lengths))


def described(rows: Sequence[int], m_spa: int, reads: Sequence[int]) -> list[EmbeddingBagConfig]:
    """Tables as TorchRec takes them: "table t" is read by each "bag b" for which reads[b] = t."""
    bags = [[f"bag {b}" for b, read in enumerate(reads) if read == t] for t in range(len(rows))]
    return [
        EmbeddingBagConfig(num_embeddings=n, embedding_dim=m_spa, name=name, feature_names=own)
        for name, n, own in zip(map("table {}".format, range(len(rows))), rows, bags, strict=True)
    ]


# --- weights ↔ weights ---


def to_torchrec(model: MicroDLRM) -> DLRM:
    """TorchRec's DLRM with the same weights, and so the same logits, of shape (B, 1).

    It knows the dot interaction, a top MLP of two layers or more, and tables that a bag reads;
    raises ValueError otherwise. What is frozen stays frozen.
    """
    shape = model.shape
    unread = set(range(len(shape["num_embeddings"]))) - set(model.reads)
    if shape["interaction"] != "dot" or unread:
        raise ValueError(
            f"TorchRec's DLRM has the dot interaction, got {shape['interaction']!r}, and a bag for "
            f"each table, got none for {sorted(unread)}"
        )
    tables = described(shape["num_embeddings"], shape["m_spa"], model.reads)
    collection = EmbeddingBagCollection(tables=tables, is_weighted=True)
    made = DLRM(collection, shape["ln_bot"][0], list(shape["ln_bot"][1:]), list(shape["ln_top"]))
    weights = model.state_dict()
    weights[FIRST] = weights[FIRST][:, _columns(model)]
    # Both name tables, bottom and top, in this order.
    made.load_state_dict(dict(zip(made.state_dict(), weights.values(), strict=True)))
    for there, own in zip(made.parameters(), model.parameters(), strict=True):
        there.requires_grad_(own.requires_grad)
    return made


def from_torchrec(weights: dict[str, Tensor], model: MicroDLRM) -> MicroDLRM:
    """A model of `model`'s shape with the weights of TorchRec's, by their names there."""
    names = zip(model.state_dict(), to_torchrec(model).state_dict(), strict=True)
    ours = {own: weights[theirs] for own, theirs in names}
    ours[FIRST] = ours[FIRST][:, _columns(model).argsort()]
    twin = MicroDLRM(**model.shape)
    twin.load_state_dict(ours)
    return twin


def _columns(model: MicroDLRM) -> Tensor:
    """There, the order of the columns of the layer that meets the interaction.

    Both take the pairs i < j of the upper triangle. But TorchRec lays a table's bags side by side,
    so that the vectors, and with them the pairs, stand in another order where bags share a table.
    """
    order = torch.tensor([-1, *model.reads]).argsort(stable=True)  # the dense vector, then bags
    n, d = len(order), model.emb_l[0].embedding_dim
    i, j = torch.triu_indices(n, n, 1)
    place = torch.zeros(n, n, dtype=torch.long)
    place[i, j] = place[j, i] = d + torch.arange(len(i))
    return torch.cat([torch.arange(d), place[order[i], order[j]]])


# --- sharding ---


def shard(model: MicroDLRM, kind: str) -> DistributedModelParallel:
    """TorchRec's DLRM with the weights of `model`, its tables dealt to all processes.

    kind  "table": whole, to one process after the other; "row": a range of rows to each;
          "column": some of the columns to each; "data": the whole table to all
    """
    dlrm, world = to_torchrec(model), dist.get_world_size()
    made = {
        "table": lambda t: ways.table_wise(rank=t % world, **DENSE),
        "row": lambda t: ways.row_wise(**DENSE),
        "column": lambda t: ways.column_wise(ranks=list(range(world)), **DENSE),
        "data": lambda t: ways.data_parallel(),
    }
    sharder, collection = EmbeddingBagCollectionSharder(), dlrm.sparse_arch.embedding_bag_collection
    cuts = {f"table {t}": made[kind](t) for t in range(len(model.emb_l))}
    on = dict(sharder=sharder, world_size=world, local_size=world, device_type="cpu")
    plan = ways.construct_module_sharding_plan(collection, cuts, **on)
    start = {name: weight.clone() for name, weight in dlrm.state_dict().items()}
    sharded = DistributedModelParallel(
        dlrm, device=torch.device("cpu"), plan=ShardingPlan({TABLES: plan}), sharders=[sharder]
    )
    # Sharding begins the tables anew; they go on from where they were.
    with torch.no_grad():
        for name, held in sharded.state_dict().items():
            for part, where in _parts(held):
                part.copy_(start[name][where])
    return sharded


def _parts(held) -> list[tuple[Tensor, tuple]]:
    """What this process holds of a weight, and where in the whole that stands."""
    if not hasattr(held, "local_shards"):
        return [(held, (...,))]
    found = []
    for s in held.local_shards():
        axes = zip(s.metadata.shard_offsets, s.metadata.shard_sizes, strict=True)
        found.append((s.tensor, tuple(slice(start, start + n) for start, n in axes)))
    return found


def whole(sharded: DistributedModelParallel, model: MicroDLRM) -> MicroDLRM:
    """The model in one piece again, on every process; `model` is one of its shape."""
    weights = to_torchrec(model).state_dict()
    for name, held in sharded.state_dict().items():
        weights[name].fill_(-torch.inf)
        for part, where in _parts(held):
            weights[name][where] = part.detach()
        dist.all_reduce(weights[name], dist.ReduceOp.MAX)  # -inf is what another process holds
    return from_torchrec(weights, model)


# --- checkpoints ---

_DONE = "shape.json"


def save(folder: str | Path, sharded: DistributedModelParallel, model: MicroDLRM) -> None:
    """Write a folder with a file of each process's own and, last of all, the one without which it
    counts for nothing; `model` is one of the sharded model's shape.

    The folder appears whole: it is written under another name and then renamed. What an
    interrupted `save` left under that name is removed first, so that no two saves are mixed.
    """
    folder = Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    if dist.get_rank() == 0 and partial.exists():
        shutil.rmtree(partial)
    dist.barrier()
    dcp.save(sharded.state_dict(), checkpoint_id=partial)
    if dist.get_rank() == 0:
        (partial / _DONE).write_text(json.dumps(model.shape), encoding="utf-8")
        os.replace(partial, folder)
    dist.barrier()


def load(folder: str | Path) -> MicroDLRM:
    """The model in one piece, however many processes wrote it: to use, or to shard over others.

    Raises FileNotFoundError where `save` didn't come to its end, and CheckpointException of PyTorch
    where a part is damaged.
    """
    model = MicroDLRM(**json.loads(Path(folder, _DONE).read_text(encoding="utf-8")))
    weights = to_torchrec(model).state_dict()
    dcp.load(weights, checkpoint_id=folder, no_dist=True)
    return from_torchrec(weights, model)
