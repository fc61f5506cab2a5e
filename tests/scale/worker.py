"""What the processes of tests/scale do."""

import os
import signal
import time

import torch

from microdlrm import MicroDLRM
from microdlrm.scaling import torchrec as sharded
from microdlrm.scaling.traffic import SHARDINGS

TABLES = dict(m_spa=16, num_embeddings=(50, 30, 9), reads=(2, 0, 1, 0, 2))
SHAPE = TABLES | dict(ln_bot=(4, 8, 16), ln_top=(8, 1), interaction="dot")


def model(seed: int = 0, **changed) -> MicroDLRM:
    torch.manual_seed(seed)
    return MicroDLRM(**SHAPE | changed)


def dealt_out(kind: str, seed: int = 0):
    alone = model(seed)
    return sharded.shard(alone, kind), alone


def killed_in_training(rank, world, folder):
    sharded.shard(model(), "table")
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    torch.distributed.barrier()  # which process 1 never reaches
    time.sleep(60)


def killed_before_the_name(rank, world, folder):
    """Process 0 dies when all is written, and the folder hasn't its name yet."""
    sharded.os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
    sharded.save(folder / "kept", *dealt_out("row"))


def killed_before_its_part(rank, world, folder):
    """The same name, other weights: process 1 dies before it writes its part."""
    dealt = dealt_out("row", seed=1)
    if rank == 1:
        sharded.dcp.save = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
    sharded.save(folder / "kept", *dealt)


def writes(rank, world, folder):
    """Each kind of sharding keeps a checkpoint."""
    for kind in SHARDINGS:
        sharded.save(folder / kind, *dealt_out(kind))


def carries_on(rank, world, folder):
    """Shard the model that the folder keeps, and keep it again."""
    alone = sharded.load(folder / "row")
    sharded.save(folder / "again", sharded.shard(alone, "column"), alone)


def pids(rank, world, folder):
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    time.sleep(120)
