"""Figures of chapter 10: hybrid parallelism, sizes, traffic, estimates."""

from matplotlib.patches import FancyArrowPatch, Rectangle

from microdlrm.figures.style import (
    INK,
    INTERACTION,
    NEUTRAL,
    SPARSE,
    TOP,
    canvas,
    measured_on,
    show,
)

SAYS = dict(table="table-wise", column="column-wise", row="row-wise", data="data-parallel")
TORCHREC = dict(
    table_wise="whole, on one device",
    column_wise="columns, on any devices",
    table_column_wise="columns, within a host",
    row_wise="rows, on all devices",
    table_row_wise="rows, within a host",
    data_parallel="copied to all",
)


def _bytes(n):
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n < 1000 or unit == "TB":
            return f"{n:.3g} {unit}"
        n /= 1000


def sizes(held, rooms):
    """Bytes of models, {name: (weights, optimiser state)}, against what machines hold."""
    fig, ax = canvas(height=0.42 * len(held) + 2.0)
    for y, (weights, state) in enumerate(held.values()):
        ax.barh(y, weights, color=SPARSE, height=0.6, label=None if y else "weights")
        ax.barh(
            y,
            state,
            left=weights,
            color=SPARSE,
            alpha=0.45,
            height=0.6,
            label=None if y else "optimiser's state",
        )
        ax.text((weights + state) * 1.15, y, _bytes(weights + state), va="center")
    for k, (name, room) in enumerate(rooms.items()):
        ax.axvline(room, color=INK, ls=":", lw=1)
        ax.text(room, -0.7 - 0.55 * k, f"{name} ", ha="right", va="bottom", fontsize=9)
    ax.set_xscale("log")
    ax.set(
        yticks=range(len(held)),
        yticklabels=held,
        xlabel="bytes",
        ylim=(len(held) - 0.5, -0.8 - 0.55 * len(rooms)),
    )
    ax.set_xlim(right=max(sum(pair) for pair in held.values()) * 40)
    ax.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=2)
    said = "; ".join(f"{name} {_bytes(sum(pair))}" for name, pair in held.items())
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
        for y, text, colour in (
            (0, f"table {d}", SPARSE),
            (2.0, "interaction", INTERACTION),
            (2.7, "top MLP", TOP),
        ):
            ax.add_patch(Rectangle((x, y), 1.25, 0.5, facecolor=colour, alpha=0.35, edgecolor=INK))
            ax.text(x + 0.62, y + 0.25, text, ha="center", va="center")
        ax.text(x + 0.62, -0.35, f"all ids of\nfeature {d}", ha="center", va="top", fontsize=9)
        ax.text(
            x + 0.62,
            3.3,
            f"device {d}:\nits part of the rows",
            ha="center",
            va="bottom",
            fontsize=9,
        )
        for to in range(devices):
            own = to == d
            ax.add_patch(
                FancyArrowPatch(
                    (x + 0.62, 0.5), (1.6 * to + 0.62, 2.0), arrowstyle="-|>", mutation_scale=9,
                    color=NEUTRAL if own else SPARSE, lw=1, ls=":" if own else "-",
                )
            )  # fmt: skip
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
    colours = dict(ids=NEUTRAL, forward=SPARSE, backward=TOP)
    for x, kind in enumerate(counted):
        left = 0.0
        for part, colour in colours.items():
            ax.barh(
                x,
                counted[kind][part] / 1e3,
                left=left,
                color=colour,
                height=0.5,
                label=None if x else part,
            )
            left += counted[kind][part] / 1e3
        ax.plot(
            [sum(on_paper[kind]) / 1e3] * 2,
            [x - 0.38, x + 0.38],
            color=INK,
            lw=2,
            label=None if x else "formula",
        )
    ax.set(
        yticks=range(len(counted)),
        yticklabels=[SAYS[kind] for kind in counted],
        xlabel="kB a step, all together",
    )
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=4)
    said = "; ".join(
        f"{SAYS[k]} {sum(c[p] for p in colours) / 1e3:.1f} kB" for k, c in counted.items()
    )
    return show(
        fig,
        f"What crossed between processes in a step, counted, and the formula. {measured_on()}",
        f"Stacked bars of ids, forward and backward: {said}. Marks of the formula at their ends.",
    )


def estimates(lines, table, devices):
    """What a step takes the busiest part of one table, on paper, by kind of sharding: `lines` with
    kind, parts, lookups_ms, network_ms and ids_ms, as the study "scale" has them."""
    fig, ax = canvas(height=0.4 * len(lines) + 1.3)
    parts = dict(
        lookups_ms=("rows read and written", SPARSE),
        network_ms=("sums and gradients sent", TOP),
        ids_ms=("ids sent", NEUTRAL),
    )
    lines = lines.sort_values("lookups_ms", ascending=False)
    names = [
        f"{TORCHREC[kind]} ({n:.0f})" for kind, n in zip(lines["kind"], lines["parts"], strict=True)
    ]
    total = lines[list(parts)].sum(axis=1)
    left = 0 * total
    for part, (words, colour) in parts.items():
        ax.barh(names, lines[part], left=left, color=colour, height=0.6, label=words)
        left = left + lines[part]
    for y, ms in enumerate(total):
        ax.text(ms, y, f"  {ms:.2f} ms", va="center")
    ax.set(xlabel="ms a step, as the planner estimates", xlim=(0, 1.2 * total.max()))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=3)
    said = "; ".join(f"{name} {ms:.2f} ms" for name, ms in zip(names, total, strict=True))
    return show(
        fig,
        f"{table} on {devices} devices: what a step takes the busiest of its parts, by TorchRec's "
        "estimates. In brackets: into how many parts the table is cut.",
        f"Stacked bars: {said}.",
    )
