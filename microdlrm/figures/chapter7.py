"""Figures of chapter 7: cost on paper, ceilings, time."""

import itertools

from matplotlib.lines import Line2D

from microdlrm.figures.style import (
    INK,
    NEUTRAL,
    SPARSE,
    TOP,
    canvas,
    measured_line,
    measured_on,
    part_colour,
    show,
)
from microdlrm.machine import hardware
from microdlrm.machine.timing import duration


def time_against_batch(times, predicted):
    """Seconds of a forward pass against batch size, measured (`times`: {batch: Spread}) and
    predicted.
    """
    sizes = list(times)
    fig, ax = canvas(height=3.6)
    ax.loglog(
        sizes, [predicted[b]["dispatch"].sum() for b in sizes], ":", color=NEUTRAL, label="dispatch"
    )
    roof = [predicted[b][["compute", "memory"]].max(axis=1).sum() for b in sizes]
    ax.loglog(sizes, roof, "--", color=NEUTRAL, label="roofline: compute or memory")
    total = [predicted[b]["seconds"].sum() for b in sizes]
    ax.loglog(sizes, total, "-", color=NEUTRAL, lw=2, label="predicted: their sum")
    measured_line(ax, sizes, times.values(), color=TOP, label="measured")
    ax.set_xticks(sizes, [f"{b:,}" for b in sizes], rotation=45)
    ax.set_yticks(
        [t for t in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1) if min(total) / 9 < t < 9 * max(total)]
    )
    ax.yaxis.set_major_formatter(lambda seconds, _: duration(seconds * (1 + 1e-9)))
    ax.set(xlabel="rows in the batch", ylabel="a forward pass", ylim=(min(total) / 3, None))
    ax.minorticks_off()
    ax.legend()
    said = ", ".join(f"{duration(times[b].median)} at {b:,}" for b in sizes)
    return show(
        fig,
        f"Time of a forward pass of the original model against the batch size. {measured_on()}",
        "A line chart on logarithmic axes: flat at first, where dispatch rules, then a knee, then "
        "a rise in proportion "
        f"to the batch. Measured: {said}.",
    )


def roofline(ceilings, points, title="The roofline of this machine"):
    """Parts of models on the roofline. `points`: (label, part, intensity, GFLOP/s, marker) each."""
    lowest = min(0.05, *(x for _, _, x, _, _ in points)) / 2
    highest = max(1000, *(x for _, _, x, _, _ in points)) * 2
    peak, stream = ceilings.peak_gflops, ceilings.stream_gbs
    gather = ceilings.rates(64).gather_gbs
    fig, ax = canvas(height=4.4)
    xs = [lowest, ceilings.ridge, highest]
    ax.loglog(xs, [min(peak, stream * x) for x in xs], color=INK, lw=2)
    ax.loglog([lowest, peak / gather], [gather * lowest, peak], "--", color=INK, lw=1)
    ax.text(ceilings.ridge * 3, peak * 1.15, f"matrix product: {peak:.0f} GFLOP/s", va="bottom")
    # Text along the slanted roofs would need the figure's final angle: it stands beside their feet.
    ax.annotate(
        f"stream: {stream:.0f} GB/s",
        (lowest * 3, stream * lowest * 3),
        (lowest * 1.3, stream * lowest * 30),
    )
    ax.annotate(
        f"rows at random: {gather:.1f} GB/s",
        (lowest * 9, gather * lowest * 9),
        (lowest * 22, gather * lowest * 6),
    )
    ax.axvline(ceilings.ridge, color=INK, lw=0.8, ls=":")
    ax.text(
        ceilings.ridge * 1.1, gather * lowest * 1.5, f"ridge: {ceilings.ridge:.1f}", va="bottom"
    )
    for _, part, x, y, marker in points:
        ax.plot(x, y, marker, color=part_colour(part), ms=9, mec=INK, mew=0.6)
    ax.set(xlabel="intensity, FLOP per byte", ylabel="GFLOP/s", xlim=(lowest, highest))
    ax.set_ylim(top=peak * 3)
    look = dict(ls="", ms=9)
    shapes = {label: marker for label, _, _, _, marker in points}
    shapes = [
        Line2D([], [], marker=m, color=NEUTRAL, mec=INK, label=label, **look)
        for label, m in shapes.items()
    ]
    colours = {part: part_colour(part) for _, part, _, _, _ in points}
    colours = [
        Line2D([], [], marker="s", color=c, label=part, **look) for part, c in colours.items()
    ]
    # A legend fills its columns first: shapes in its upper row, colours in the lower.
    both = [handle for pair in itertools.zip_longest(shapes, colours) for handle in pair if handle]
    fig.legend(
        handles=both, loc="outside lower center", ncols=max(len(shapes), len(colours)), fontsize=10
    )
    said = "; ".join(
        f"{label}, {part}: {x:.2g} FLOP per byte, {y:.2g} GFLOP/s"
        for label, part, x, y, _ in points
    )
    return show(
        fig,
        f"{title}. Solid: what streaming and matrix products allow; dashed: what rows at random "
        f"allow. {measured_on()}",
        f"A roofline on logarithmic axes: a slanted roof of {stream:.0f} GB/s up to "
        f"{ceilings.ridge:.1f} FLOP a byte, "
        f"then a flat one at {peak:.0f} GFLOP/s. Points: {said}.",
    )


def climb(sizes, uniform, hot):
    """Nanoseconds a row against table size in bytes; `uniform` and `hot`: {size: Spread in ns}."""
    here = hardware.machine()
    fig, ax = canvas(height=3.4)
    for values, look, label in (
        (uniform, "o-", "any row"),
        (hot, "o--", "the same 1,024 rows again and again"),
    ):
        own = [b for b in sizes if b in values]
        fill = None if look == "o-" else "none"
        measured_line(ax, own, [values[b] for b in own], look, color=SPARSE, mfc=fill, label=label)
    marked = [
        (name, n_bytes)
        for name, n_bytes in (("L1", here.l1), ("L2", here.l2), ("L3", here.l3))
        if n_bytes
    ]
    for name, n_bytes in marked:
        if sizes[0] / 2 <= n_bytes <= sizes[-1] * 2:
            ax.axvline(n_bytes, color=INK, lw=0.8, ls=":")
            ax.text(n_bytes, 0.98, f" {name}", transform=ax.get_xaxis_transform(), va="top")
    ax.set_xticks(sizes, [hardware.size(b) for b in sizes], rotation=45, ha="right")
    low, high = ax.get_ylim()
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= t <= high]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="size of the table", ylabel="ns per row of 64 numbers")
    ax.legend(loc="center left")
    known = (
        ", ".join(f"{name} {hardware.size(n_bytes)}" for name, n_bytes in marked) or "unknown here"
    )
    said = ", ".join(f"{uniform[b].median:.3g} at {hardware.size(b)}" for b in sizes)
    return show(
        fig,
        f"The cost of a row against the size of its table; caches marked. {measured_on()}",
        f"A line chart on logarithmic axes. Nanoseconds a row at random: {said}. With hot rows: "
        f"{', '.join(f'{s.median:.3g} at {hardware.size(b)}' for b, s in hot.items())}. Caches: "
        f"{known}.",
    )


def operators(shares):
    """Shares of the time by part: {name: (share, part)}."""
    names = list(shares)
    fig, ax = canvas(height=0.36 * len(names) + 0.8)
    for y, name in enumerate(names):
        share, part = shares[name]
        ax.barh(y, share, height=0.65, color=part_colour(part))
        ax.text(share, y, f"  {share:.0%}", va="center")
    ax.set(yticks=range(len(names)), yticklabels=names, xticks=[], xlabel="share of the time")
    ax.invert_yaxis()
    ax.grid(False)
    ax.margins(x=0.1)
    said = "; ".join(f"{name} {share:.0%}" for name, (share, _) in shares.items())
    return show(
        fig, f"Who takes the time, by torch.profiler. {measured_on()}", f"Horizontal bars: {said}."
    )


def knobs(measured, predicted):
    """What each knob does to each model, all on one axis from 1: {model: {knob: Spread or
    number}}.
    """
    rows = [(model, knob) for model, by_knob in measured.items() for knob in by_knob]
    fig, ax = canvas(height=3.6)
    said, at = [], {row: y + list(measured).index(row[0]) for y, row in enumerate(rows)}
    for (model, knob), y in at.items():
        s, paper = measured[model][knob], predicted[model][knob]
        ax.barh(y, s.median - 1, left=1, height=0.6, color=NEUTRAL)
        ax.plot([s.low, s.high], [y, y], color=INK, lw=1.5)
        ax.plot([paper, paper], [y - 0.4, y + 0.4], color=INK, lw=3, solid_capstyle="butt")
        said.append(f"{model}, {knob}: measured {s.median:.2f}, predicted {paper:.2f}")
    ax.set(yticks=list(at.values()), yticklabels=[f"{model}: {knob}" for model, knob in rows])
    ax.set(xlabel="times as long as before the turn")
    ax.axvline(1, color=INK, lw=0.8)
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    return show(
        fig,
        "What a turn of each knob does to the time; 1 is no change. Bars: measured, with "
        "quartiles; ticks: "
        f"predicted. {measured_on()}",
        f"Bars on one axis that starts at 1. {'; '.join(said)}.",
    )


def training_steps(rows, dense, sparse, paper_dense, paper_sparse):
    """Time of a training step against the table's rows: dense and sparse, measured and on paper
    (bytes / stream).
    """
    fig, ax = canvas(height=3.4)
    for values, paper, look, label in (
        (dense, paper_dense, "o-", "dense gradient"),
        (sparse, paper_sparse, "s-", "sparse gradient"),
    ):
        fill = None if look == "o-" else "none"
        measured_line(ax, rows, values, look, color=SPARSE, mfc=fill, label=label)
        ax.loglog(
            rows,
            paper,
            ":" if look == "o-" else "--",
            color=NEUTRAL,
            label=f"on paper, {label.split()[0]}",
        )
    ax.set_xticks(rows, [f"{r:,}" for r in rows], rotation=30)
    ax.set_yticks(
        [
            t
            for t in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1)
            if min(paper_sparse) / 9 < t < 9 * dense[-1].high
        ]
    )
    ax.yaxis.set_major_formatter(lambda seconds, _: duration(seconds * (1 + 1e-9)))
    ax.minorticks_off()
    ax.set(xlabel="rows in the table", ylabel="a training step")
    ax.legend()
    pairs = zip(rows, dense, sparse, strict=True)
    said = "; ".join(
        f"{r:,} rows: {duration(d.median)} and {duration(s.median)}" for r, d, s in pairs
    )
    return show(
        fig,
        "A training step on one table of width 32, 1,024 lookups, with SGD, against its rows. "
        f"{measured_on()}",
        "A line chart on logarithmic axes. Dense rises in proportion to the rows, sparse stays "
        f"flat. {said}.",
    )
