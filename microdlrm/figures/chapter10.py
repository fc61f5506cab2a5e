"""Figures of chapter 10: hybrid parallelism, sizes, traffic, estimates."""

import pandas as pd
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter

from microdlrm.figures import style
from microdlrm.figures.style import INK, INTERACTION, NEUTRAL, SPARSE, TOP, canvas, show

SAYS = dict(table="table-wise", column="column-wise", row="row-wise", data="data-parallel")
TORCHREC = dict(
    table_wise="whole, on one device",
    column_wise="columns, on any devices",
    table_column_wise="columns, within a host",
    row_wise="rows, on all devices",
    table_row_wise="rows, within a host",
    data_parallel="copied to all",
)
_bytes = EngFormatter("B", places=1)  # 1230000 -> "1.2 MB"


def sizes(held, rooms):
    """Bytes of models, {name: (weights, optimiser state)}, against what machines hold."""
    fig, ax = canvas(height=0.42 * len(held) + 2.0)
    table = pd.DataFrame(held, ["weights", "optimiser's state"]).T
    style.stacked(ax, table, (SPARSE, (SPARSE, 0.45)), total=_bytes)
    for k, (name, room) in enumerate(rooms.items()):
        ax.axvline(room, color=INK, ls=":", lw=1)
        ax.text(room, -0.7 - 0.55 * k, f"{name} ", ha="right", va="bottom", fontsize=9)
    ax.set(xlabel="bytes", xscale="log", ylim=(len(held) - 0.5, -0.8 - 0.55 * len(rooms)))
    totals = table.sum(axis=1)
    ax.set_xlim(right=totals.max() * 40)
    said = "; ".join(f"{name} {_bytes(total)}" for name, total in totals.items())
    return show(
        fig,
        "What models hold while they are trained, on paper. Dotted: what machines have room for.",
        f"Horizontal bars on a logarithmic axis: {said}. Lines: {', '.join(rooms)}.",
    )


def hybrid(devices=4):
    """Hybrid parallelism: MLPs on every device, a table on each, the all-to-all between them."""
    fig, ax = canvas(height=4.4)
    for d in range(devices):
        x = 1.6 * d
        middle = dict(ha="center", fontsize=9)
        boxes = {f"table {d}": (0, SPARSE), "interaction": (2, INTERACTION), "top MLP": (2.7, TOP)}
        for text, (y, colour) in boxes.items():
            ax.add_patch(Rectangle((x, y), 1.25, 0.5, facecolor=colour, alpha=0.35, edgecolor=INK))
            ax.text(x + 0.62, y + 0.25, text, ha="center", va="center")
        ax.text(x + 0.62, -0.35, f"all ids of\nfeature {d}", va="top", **middle)
        ax.text(x + 0.62, 3.3, f"device {d}:\nits part of the rows", va="bottom", **middle)
        for to in range(devices):
            look = dict(color=NEUTRAL, ls=":") if to == d else dict(color=SPARSE)
            look |= dict(arrowstyle="-|>", mutation_scale=9, lw=1, shrinkA=0, shrinkB=0)
            ax.annotate("", (1.6 * to + 0.62, 2.0), (x + 0.62, 0.5), arrowprops=look)
    ax.text(1.6 * devices - 0.2, 1.25, "all-to-all\nof sums", va="center", fontsize=9)
    ax.set(xlim=(-0.1, 1.6 * devices + 0.9), ylim=(-1.0, 4.1))
    ax.axis("off")
    return show(
        fig,
        "Hybrid parallelism, forward. Each device holds one table, for all rows of the batch, and "
        "the MLPs for its own part of the rows (the bottom MLP isn't drawn). Between the two, "
        "everybody sends to everybody. What is dotted stays at home. Backward, the arrows turn "
        "round.",
        f"{devices} columns, one a device: a table at the bottom, interaction and top MLP above. "
        "From each table, arrows go to the interactions of all devices.",
    )


def traffic(counted, on_paper):
    """Bytes of a step by kind of sharding, counted between processes, and the formula's."""
    fig, ax = canvas(height=3.0)
    for y, kind in enumerate(counted):
        formula = sum(on_paper[kind]) / 1e3
        ax.plot([formula] * 2, [y - 0.38, y + 0.38], color=INK, lw=2, label="formula")
    table = pd.DataFrame(counted, ["ids", "forward", "backward"]).T.rename(SAYS) / 1e3
    style.stacked(ax, table, (NEUTRAL, SPARSE, TOP), columns=4)
    ax.set(xlabel="kB a step, all together")
    said = "; ".join(f"{name} {kb:.1f} kB" for name, kb in table.sum(axis=1).items())
    return show(
        fig,
        "What crossed between processes in a step, counted, and the formula. "
        f"{style.measured_on()}",
        f"Stacked bars of ids, forward and backward: {said}. Marks of the formula at their ends.",
    )


PARTS = dict(
    lookups_ms="rows read and written", network_ms="sums and gradients sent", ids_ms="ids sent"
)


def estimates(lines, table, devices):
    """What a step takes a table's busiest part, by kind of sharding: lines of study "scale"."""
    lines = lines.sort_values("lookups_ms", ascending=False)
    names = [f"{TORCHREC[line.kind]} ({line.parts:.0f})" for line in lines.itertuples()]
    parts = lines[list(PARTS)].rename(columns=PARTS).set_axis(names)
    totals = parts.sum(axis=1)
    fig, ax = canvas(height=0.4 * len(lines) + 1.3)
    style.stacked(ax, parts, (SPARSE, TOP, NEUTRAL), total="{:.2f} ms".format)
    ax.set(xlabel="ms a step, as the planner estimates", xlim=(0, 1.2 * totals.max()))
    said = "; ".join(f"{name} {ms:.2f} ms" for name, ms in totals.items())
    return show(
        fig,
        f"{table} on {devices} devices: what a step takes the busiest of its parts, by TorchRec's "
        "estimates. In brackets: into how many parts the table is cut.",
        f"Stacked bars: {said}.",
    )
