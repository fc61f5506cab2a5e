"""The same model on TorchRec (Ivchenko et al. 2022), its tables sharded over processes.

    to_torchrec(model) -> shard(..., "row") -> forward on keyed(batch) -> whole(...) -> the MicroDLRM again

TorchRec is no part of the course's environment: `make scale` makes one that has it. W processes, as torchrun starts
them, each with B / W of a batch's rows. Tables are sharded, MLPs are replicated, their gradients averaged.
"""

import copy
import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException

from microdlrm.clicks import Batch
from microdlrm.model import MicroDLRM, dot_interaction

try:
    from torchrec import EmbeddingBagCollection, EmbeddingBagConfig, KeyedJaggedTensor, PoolingType
    from torchrec.distributed import DistributedModelParallel
    from torchrec.distributed import sharding_plan as ways
    from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
    from torchrec.distributed.types import ShardingPlan
    from torchrec.models.dlrm import DLRM
except ImportError as error:
    raise ImportError(
        f"TorchRec isn't installed here ({error}): `make scale` sets up an environment that has it, on Linux"
    ) from error

KINDS = ("table", "row", "column", "data")
TABLES = "sparse_arch.embedding_bag_collection"
DENSE_KERNEL = "dense"  # gradients as PyTorch's, so that any of its optimisers takes the step


# --- bags ↔ KeyedJaggedTensor: one tensor of ids for all features, and a length for each bag ---


def keyed(batch: Batch, start: int = 0, stop: int | None = None) -> KeyedJaggedTensor:
    """The bags of the batch's rows start to stop, by the name of the feature: "bag 0", "bag 1", ..."""
    stop = len(batch.dense_x) if stop is None else stop
    values, lengths, weights = [], [], []
    for ids, offsets, own in zip(batch.sparse_indices, batch.sparse_offsets, batch.sparse_weights, strict=True):
        bounds = torch.cat([offsets, offsets.new_tensor([len(ids)])])[start : stop + 1]  # (B + 1,)
        which = slice(int(bounds[0]), int(bounds[-1]))
        values.append(ids[which])
        lengths.append(torch.diff(bounds))
        weights.append(torch.ones(len(values[-1])) if own is None else own[which])
    return KeyedJaggedTensor(
        [f"bag {b}" for b in range(len(values))], torch.cat(values), torch.cat(weights), torch.cat(lengths)
    )


def bags(features: KeyedJaggedTensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """`keyed`, the other way: indices, offsets and weights, a tensor for each bag, as MicroDLRM takes them."""
    parts = [features[key] for key in features.keys()]  # noqa: SIM118
    lengths = [part.lengths() for part in parts]
    return [p.values() for p in parts], [n.cumsum(0) - n for n in lengths], [p.weights() for p in parts]


# --- weights ↔ weights ---


class CheckpointError(RuntimeError):
    """The folder can't be used; the message says why."""


def to_torchrec(model: MicroDLRM) -> DLRM:
    """TorchRec's DLRM with the same weights, and so the same logits, of shape (B, 1).

    Raises ValueError for a model that TorchRec's DLRM can't be: concat, or a top MLP of one layer.
    """
    if model.interaction is not dot_interaction or len(_linears(model.top_l)) < 2:
        raise ValueError(
            "TorchRec's DLRM knows the dot interaction, and a top MLP of two layers or more: "
            f"got {model.shape['interaction']!r} and {len(_linears(model.top_l))}"
        )
    shape = model.shape
    tables = [
        EmbeddingBagConfig(
            name=f"table {t}",
            num_embeddings=rows,
            embedding_dim=shape["m_spa"],
            feature_names=[f"bag {b}" for b, read in enumerate(model.reads) if read == t],
            pooling=PoolingType.SUM,
        )
        for t, rows in enumerate(shape["num_embeddings"])
    ]
    collection = EmbeddingBagCollection(tables=tables, is_weighted=True)
    made = DLRM(collection, shape["ln_bot"][0], shape["ln_bot"][1:], shape["ln_top"])
    names, first, columns = _names(model, made)
    weights = model.state_dict()
    weights[first] = weights[first][:, columns]
    made.load_state_dict({theirs: weights[own] for own, theirs in names.items()})
    return made


def from_torchrec(dlrm: DLRM, weights: dict[str, Tensor] | None = None) -> MicroDLRM:
    """The MicroDLRM with the weights of TorchRec's, or with `weights` in its place: `to_torchrec`, the other way."""
    tables = dlrm.sparse_arch.embedding_bag_collection.embedding_bag_configs()
    reads = {int(name.split()[1]): t for t, table in enumerate(tables) for name in table.feature_names}
    bottom, top = _linears(dlrm.dense_arch), _linears(dlrm.over_arch)
    model = MicroDLRM(
        m_spa=tables[0].embedding_dim,
        num_embeddings=[table.num_embeddings for table in tables],
        ln_bot=[bottom[0].in_features, *(layer.out_features for layer in bottom)],
        ln_top=[layer.out_features for layer in top],
        interaction="dot",
        reads=[reads[b] for b in range(len(reads))],
    )
    weights = dlrm.state_dict() if weights is None else weights
    names, first, columns = _names(model, dlrm)
    ours = {own: weights[theirs] for own, theirs in names.items()}
    ours[first] = ours[first][:, columns.argsort()]
    model.load_state_dict(ours)
    return model


def _names(model: MicroDLRM, dlrm: DLRM) -> tuple[dict[str, str], str, Tensor]:
    """What each of our weights is called there; which one meets the interaction; and the order of its columns there.

    Both take the pairs i < j of the upper triangle. But TorchRec lays a table's bags side by side, so that bags that
    share a table are neighbours: the vectors, and with them the pairs, stand in another order.
    """
    names = {f"emb_l.{t}.weight": f"{TABLES}.embedding_bags.table {t}.weight" for t in range(len(model.emb_l))}
    for ours, theirs in (("bot_l", "dense_arch"), ("top_l", "over_arch")):
        pairs = zip(*(_linear_names(getattr(m, part)) for m, part in ((model, ours), (dlrm, theirs))), strict=True)
        for own, other in pairs:
            names |= {f"{ours}.{own}.{what}": f"{theirs}.{other}.{what}" for what in ("weight", "bias")}
    order = [0, *(1 + int(name.split()[1]) for name in dlrm.sparse_arch.sparse_feature_names)]  # v's positions, there
    n, d = len(order), model.emb_l[0].embedding_dim
    i, j = torch.triu_indices(n, n, 1)
    place = torch.zeros(n, n, dtype=torch.long)
    place[i, j] = place[j, i] = d + torch.arange(len(i))
    there = torch.tensor(order)
    columns = torch.cat([torch.arange(d), place[there[i], there[j]]])
    return names, f"top_l.{_linear_names(model.top_l)[0]}.weight", columns


def _linear_names(part: nn.Module) -> list[str]:
    return [name for name, layer in part.named_modules() if isinstance(layer, nn.Linear)]


def _linears(part: nn.Module) -> list[nn.Linear]:
    return [layer for layer in part.modules() if isinstance(layer, nn.Linear)]


# --- sharding ---


def shard(dlrm: DLRM, kinds: str | Sequence[str]) -> DistributedModelParallel:
    """Deal the tables to all processes, and replicate the MLPs. The weights are those of `dlrm`, the same everywhere.

    kinds  one of `KINDS`, or one for each table. "table": whole, to one process after the other; "row": a range of
           rows to each; "column": some of the columns to each; "data": the whole table to all

    Raises ValueError, on all processes, where they don't bring the same tables, or a table can't be cut so.
    """
    collection, world = dlrm.sparse_arch.embedding_bag_collection, dist.get_world_size()
    tables = collection.embedding_bag_configs()
    kinds = [kinds] * len(tables) if isinstance(kinds, str) else list(kinds)
    _agree([(table.name, table.num_embeddings, table.embedding_dim, table.feature_names) for table in tables], kinds)
    if len(kinds) != len(tables) or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds must name one of {', '.join(KINDS)} for each of {len(tables)} tables, got {kinds}")
    if "column" in kinds and tables[0].embedding_dim % (4 * world):
        raise ValueError(
            f"column-wise, {world} processes need m_spa to be a multiple of {4 * world} (TorchRec cuts by fours), "
            f"got {tables[0].embedding_dim}"
        )
    made = {
        "table": lambda t: ways.table_wise(rank=t % world, compute_kernel=DENSE_KERNEL),
        "row": lambda t: ways.row_wise(compute_kernel=DENSE_KERNEL),
        "column": lambda t: ways.column_wise(ranks=list(range(world)), compute_kernel=DENSE_KERNEL),
        "data": lambda t: ways.data_parallel(),
    }
    sharder = EmbeddingBagCollectionSharder()
    plan = ways.construct_module_sharding_plan(
        collection,
        {table.name: made[kind](t) for t, (table, kind) in enumerate(zip(tables, kinds, strict=True))},
        sharder=sharder, world_size=world, local_size=world, device_type="cpu",
    )  # fmt: skip
    start = dlrm.state_dict()
    sharded = DistributedModelParallel(
        copy.deepcopy(dlrm), device=torch.device("cpu"), plan=ShardingPlan({TABLES: plan}), sharders=[sharder]
    )
    # Sharding begins the tables anew; they go on from where they were.
    with torch.no_grad():
        for name, held in sharded.state_dict().items():
            for part, where in _parts(held):
                part.copy_(start[name][where])
    return sharded


def _agree(*mine) -> None:
    theirs: list = [None] * dist.get_world_size()
    dist.all_gather_object(theirs, mine)
    for rank, other in enumerate(theirs):
        if other != theirs[0]:
            raise ValueError(
                f"all processes must bring the same tables: process 0 has {_tables(theirs[0])}, "
                f"process {rank} has {_tables(other)}"
            )


def _tables(said) -> str:
    tables, kinds = said
    return ", ".join(f"{name} of {rows} × {width}" for name, rows, width, _ in tables) + f" ({', '.join(set(kinds))})"


def _parts(held) -> list[tuple[Tensor, tuple]]:
    """What this process holds of a weight, and where in the whole that stands."""
    if not hasattr(held, "local_shards"):
        return [(held, (...,))]
    where = [zip(s.metadata.shard_offsets, s.metadata.shard_sizes, strict=True) for s in held.local_shards()]
    where = [tuple(slice(start, start + n) for start, n in axes) for axes in where]
    return [(s.tensor, at) for s, at in zip(held.local_shards(), where, strict=True)]


def whole(sharded: DistributedModelParallel, dlrm: DLRM) -> MicroDLRM:
    """The model in one piece again, on every process; `dlrm` is an unsharded one of its shape."""
    mine = {name: [(p.detach(), at) for p, at in _parts(held)] for name, held in sharded.state_dict().items()}
    every: list = [None] * dist.get_world_size()
    dist.all_gather_object(every, mine)
    weights = {name: torch.empty_like(weight) for name, weight in dlrm.state_dict().items()}
    for held in every:
        for name, parts in held.items():
            for part, where in parts:
                weights[name][where] = part
    return from_torchrec(dlrm, weights)


# --- training ---


def deal(order: Tensor, batch_size: int) -> Tensor:
    """This process's share of the rows `order`, batch by batch: cut by batch_size / W, it is W-ths of the batches.

    Raises ValueError where a batch can't be dealt out evenly.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    if batch_size % world or len(order) % batch_size % world:
        raise ValueError(
            f"batches of {batch_size} and a last one of {len(order) % batch_size} can't be dealt to {world} evenly"
        )
    return torch.cat([part.chunk(world)[rank] for part in order.split(batch_size)])


# --- checkpoints ---

_DONE = "shape.json"


def save(folder: str | Path, sharded: DistributedModelParallel, dlrm: DLRM) -> None:
    """Write a folder with a file of each process's own, and, last of all, the one without which it counts for nothing.

    The folder appears whole: it is written under another name and then renamed. Raises FileExistsError, on all
    processes, where there is one of the name already.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: name another, one for each checkpoint")
    dist.barrier()
    partial = folder.with_name(f".{folder.name}.partial")
    dcp.save(sharded.state_dict(), checkpoint_id=partial)
    if dist.get_rank() == 0:
        (partial / _DONE).write_text(json.dumps(from_torchrec(dlrm).shape), encoding="utf-8")
        os.replace(partial, folder)
    dist.barrier()


def load(folder: str | Path) -> MicroDLRM:
    """The model in one piece, from however many processes wrote it: to use, or to shard over another number.

    Raises CheckpointError where the folder isn't a whole checkpoint.
    """
    folder = Path(folder)
    if not (folder / _DONE).exists():
        raise CheckpointError(f"{folder} is no whole checkpoint: {_DONE}, which is written last, isn't in it")
    try:
        dlrm = to_torchrec(MicroDLRM(**json.loads((folder / _DONE).read_text(encoding="utf-8"))))
        weights = dlrm.state_dict()
        dcp.load(weights, checkpoint_id=folder, no_dist=True)
    except (CheckpointException, OSError, EOFError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder} is damaged: {error}") from error
    return from_torchrec(dlrm, weights)
