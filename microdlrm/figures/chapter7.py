"""Figures of chapter 7: cost on paper, ceilings, time."""

from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from microdlrm.figures import style
from microdlrm.figures.style import INK, NEUTRAL, SPARSE, canvas, measured_on, show
from microdlrm.machine import hardware
from microdlrm.machine.timing import duration


def time_against_batch(times, predicted):
    """Seconds of a forward pass by batch size, `times` a Spread each, and what paper predicts."""
    sizes = list(times)
    roof = [predicted[b][["compute", "memory"]].max(axis=1).sum() for b in sizes]
    dispatch, total = ([predicted[b][c].sum() for b in sizes] for c in ("dispatch", "seconds"))
    fig, ax = canvas(height=3.6)
    ax.loglog(sizes, dispatch, ":", color=NEUTRAL, label="dispatch")
    ax.loglog(sizes, roof, "--", color=NEUTRAL, label="roofline: compute or memory")
    ax.loglog(sizes, total, "-", color=NEUTRAL, lw=2, label="predicted: their sum")
    style.measured_line(ax, sizes, times.values(), color=INK, label="measured")
    style.plain_ticks(ax.xaxis, sizes, rotation=45)
    ax.yaxis.set_major_formatter(EngFormatter("s"))
    ax.set(xlabel="rows in the batch", ylabel="a forward pass", ylim=(min(total) / 3, None))
    ax.legend()
    said = ", ".join(f"{duration(times[b].median)} at {b:,}" for b in sizes)
    return show(
        fig,
        f"Time of a forward pass of the original model against the batch size. {measured_on()}",
        "A line chart on logarithmic axes: flat at first, where dispatch rules, then "
        f"a rise in proportion to the batch. Measured: {said}.",
    )


def roofline(ceilings, points, title="The roofline of this machine"):
    """Parts of models on the roofline. `points`: (label, part, intensity, GFLOP/s, marker) each.

    Where tables are among them, a dashed roof shows what rows of 64 numbers from memory allow.
    """
    lowest = min(x for _, _, x, _, _ in points) / 5
    highest = max(1000, *(x for _, _, x, _, _ in points)) * 2
    ridge, peak, bandwidth = ceilings.ridge, ceilings.peak_gflops, ceilings.stream_gbs
    numbers = [
        f"flat: peak, {peak:.0f} GFLOP/s",
        f"slanted: bandwidth, {bandwidth:.0f} GB/s",
        f"ridge: {ridge:.1f} FLOP per byte",
    ]
    fig, ax = canvas(height=4.4)
    ax.loglog([lowest, ridge, highest], [bandwidth * lowest, peak, peak], color=INK, lw=2)
    ax.axvline(ridge, color=INK, lw=0.8, ls=":")
    if any(part == "tables" for _, part, *_ in points):
        gather = ceilings.rates(64).gather_gbs
        ax.loglog([lowest, peak / gather], [gather * lowest, peak], "--", color=INK, lw=1)
        numbers.append(f"dashed: rows of 64 numbers\nat random, from memory, {gather:.1f} GB/s")
    ax.text(0.99, 0.02, "\n".join(numbers), transform=ax.transAxes, ha="right", va="bottom")
    said = []
    for label, part, x, y, marker in points:
        ax.plot(x, y, marker, label=part, color=style.PARTS[part], ms=9, mec=INK, mew=0.6)
        said.append(f"{label}, {part}: {x:.2g} FLOP per byte, {y:.2g} GFLOP/s")
    ax.set(xlabel="intensity, FLOP per byte", ylabel="GFLOP/s", xlim=(lowest, highest))
    ax.set_ylim(top=peak * 3)
    style.legend_above(fig)  # a colour is a part
    look = dict(ls="", ms=9, color=NEUTRAL, mec=INK)
    shapes = {label: Line2D([], [], marker=shape, **look) for label, _, _, _, shape in points}
    ax.legend(shapes.values(), shapes, loc="upper left")
    return show(
        fig,
        f"{title}. {measured_on()}",
        f"A roofline on logarithmic axes: {'; '.join(numbers)}. Points: {'; '.join(said)}.",
    )


def climb(sizes, uniform, hot):
    """Nanoseconds a row against table size in bytes; `uniform` and `hot`: {size: Spread in ns}."""
    fig, ax = canvas(height=3.4)
    said = []
    for values, line, fill, label in (
        (uniform, "o-", None, "any row"),
        (hot, "o--", "none", "the same 1,024 rows again and again"),
    ):
        look = dict(color=SPARSE, mfc=fill, label=label)
        style.measured_line(ax, list(values), values.values(), line, **look)
        points = (f"{s.median:.3g} at {hardware.size(b)}" for b, s in values.items())
        said.append(f"{label}: {', '.join(points)}")
    here = hardware.machine()
    caches = {name: getattr(here, name.lower()) for name in ("L1", "L2", "L3")}
    caches = {name: n_bytes for name, n_bytes in caches.items() if n_bytes}
    for name, n_bytes in caches.items():
        if sizes[0] / 2 <= n_bytes <= sizes[-1] * 2:
            ax.axvline(n_bytes, color=INK, lw=0.8, ls=":")
            ax.text(n_bytes, 0.98, f" {name}", transform=ax.get_xaxis_transform(), va="top")
    style.plain_ticks(ax.xaxis, sizes, hardware.size, rotation=45, ha="right")
    style.round_ticks(ax.yaxis)
    ax.set(xlabel="size of the table", ylabel="ns per row of 64 numbers")
    ax.legend(loc="center left")
    known = ", ".join(f"{name} {hardware.size(n_bytes)}" for name, n_bytes in caches.items())
    return show(
        fig,
        f"The cost of a row against the size of its table; caches marked. {measured_on()}",
        f"A line chart on logarithmic axes. Nanoseconds a row, {'; '.join(said)}. Caches: "
        f"{known or 'unknown here'}.",
    )


def knobs(measured, predicted):
    """How many times as long, by model and knob: `measured` Spreads, `predicted` numbers."""
    turns = {
        f"{model}, {knob}": (predicted[model][knob], spread)
        for model, by_knob in measured.items()
        for knob, spread in by_knob.items()
    }
    caption = "What a turn of each knob does to the time, predicted and measured; 1 is no change."
    return style.against_paper(turns, "times as long as before the turn", caption)


def training_steps(rows, dense, sparse, paper_dense, paper_sparse):
    """Seconds of a training step by the table's rows: Spreads, and on paper (bytes / stream)."""
    fig, ax = canvas(height=3.4)
    for name, values, paper, line, fill, dots in (
        ("dense", dense, paper_dense, "o-", None, ":"),
        ("sparse", sparse, paper_sparse, "s-", "none", "--"),
    ):
        label = f"{name} gradient"
        style.measured_line(ax, rows, values, line, color=SPARSE, mfc=fill, label=label)
        ax.loglog(rows, paper, dots, color=NEUTRAL, label=f"on paper, {name}")
    style.plain_ticks(ax.xaxis, rows, rotation=30)
    ax.yaxis.set_major_formatter(EngFormatter("s"))
    ax.set(xlabel="rows in the table", ylabel="a training step")
    ax.legend()
    said = "; ".join(
        f"{r:,} rows: {duration(d.median)} and {duration(s.median)}"
        for r, d, s in zip(rows, dense, sparse, strict=True)
    )
    return show(
        fig,
        "A training step on one table of width 32, 1,024 lookups, with SGD, against its rows. "
        f"{measured_on()}",
        "A line chart on logarithmic axes. Dense rises in proportion to the rows, sparse stays "
        f"flat. {said}.",
    )
