"""Figures of chapter 3."""

from microdlrm.figures.style import NEUTRAL, PARTS, TOP, canvas, measured_line, show

ROWS = {"parameters": "parameters held", "flops": "FLOPs done", "bytes": "bytes moved"}


def shares(parts, batch, columns=tuple(ROWS)):
    """What each kind of part holds, does and moves in a forward pass of `batch` rows, as shares;
    `parts` from `cost.parts`.
    """
    forward = parts[list(columns)]
    kinds = [next(name for name in PARTS if part.startswith(name)) for part in forward.index]
    groups = forward.groupby(kinds, sort=False).sum()
    groups = groups[groups.any(axis=1)]
    names = {"table": "tables", "bottom": "bottom MLP", "top": "top MLP"}
    left, said = dict.fromkeys(columns, 0.0), {column: [] for column in columns}
    fig, ax = canvas(height=1.3 + 0.3 * len(columns))
    for kind, own in (groups / groups.sum()).iterrows():
        name = names.get(kind, kind)
        for y, (column, share) in enumerate(own.items()):
            at, label = left[column], None if y else name
            ax.barh(y, share, left=at, color=PARTS[kind], height=0.6, label=label)
            if share > 0.06:
                style = dict(ha="center", va="center", color="#111111")
                ax.text(at + share / 2, y, f"{share:.0%}", **style)
            left[column] += share
            said[column].append(f"{name} {share:.0%}")
    ax.set(yticks=range(len(columns)), yticklabels=[ROWS[c] for c in columns])
    ax.set(xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    fig.legend(loc="outside upper center", ncols=4)
    bars = "; ".join(f"{ROWS[column]}: {', '.join(said[column])}" for column in columns)
    return show(
        fig,
        f"On paper: each part's share, in a forward pass of {batch} rows.",
        f"Stacked bars. {bars}.",
    )


def batch_sizes(times):
    """Time per sample against batch size; `times` maps batch sizes to the Spread of a call, in
    seconds.
    """
    sizes = list(times)
    per = {b: times[b].into(lambda s, b=b: s / b * 1e6) for b in sizes}
    fig, ax = canvas()
    measured_line(ax, sizes, per.values(), color=TOP, ms=4, label="measured: median, quartiles")
    shared = [per[sizes[0]].median * sizes[0] / b for b in sizes]
    ax.loglog(sizes, shared, "--", color=NEUTRAL, label="if a batch took as long as one sample")
    ax.set(xlabel="batch size", ylabel="µs per sample")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xticks(sizes, [f"{b:,}" for b in sizes], rotation=45)
    ax.minorticks_off()
    ax.legend(loc="upper right")
    some = sizes[:: max(len(sizes) // 6, 1)]
    return show(
        fig,
        "Time per sample of the forward pass against the batch size, on this machine.",
        "A line chart on logarithmic axes, and the line 1 / batch size beside it. Measured: "
        f"{', '.join(f'{per[b].median:.3g} µs at {b:,}' for b in some)}.",
    )
