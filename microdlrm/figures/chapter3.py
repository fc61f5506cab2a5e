"""Figures of chapter 3."""

from microdlrm.figures import style
from microdlrm.figures.style import NEUTRAL, PARTS, TOP, canvas, show

ROWS = {"parameters": "parameters held", "flops": "FLOPs done", "bytes": "bytes moved"}


def shares(parts, batch, columns=tuple(ROWS)):
    """What each kind of part holds, does and moves in a forward pass of `batch` rows, as shares;
    `parts` from `cost.parts`.
    """
    forward = parts[list(columns)]
    groups = forward.groupby(forward.index.str.replace(r"table \d+", "tables", regex=True)).sum()
    groups = groups.reindex(PARTS)
    groups = groups[groups.any(axis=1)]
    table = (groups / groups.sum()).T.rename(index=ROWS)
    fig, ax = canvas(height=1.3 + 0.3 * len(columns))
    style.stacked(ax, table, [PARTS[part] for part in table], "{1:.0%}", 0.06, columns=4)
    ax.set(xlim=(0, 1), xticks=[])
    return show(
        fig,
        f"On paper: each part's share, in a forward pass of {batch} rows.",
        f"Stacked bars. {style.words(table, '{} {:.0%}')}.",
    )


def batch_sizes(times):
    """Microseconds a sample by batch size; `times` maps it to the Spread of a call, in seconds."""
    sizes = list(times)
    per = {b: times[b].into(lambda s, b=b: s / b * 1e6) for b in sizes}
    shared = [per[sizes[0]].median * sizes[0] / b for b in sizes]
    label = "measured: median, quartiles"
    fig, ax = canvas()
    style.measured_line(ax, sizes, per.values(), color=TOP, ms=4, label=label)
    ax.loglog(sizes, shared, "--", color=NEUTRAL, label="if a batch took as long as one sample")
    ax.set(xlabel="batch size", ylabel="µs per sample")
    ax.yaxis.set_major_formatter("{x:g}")
    style.plain_ticks(ax.xaxis, sizes, rotation=45)
    ax.legend(loc="upper right")
    some = sizes[:: max(len(sizes) // 6, 1)]
    return show(
        fig,
        "Time per sample of the forward pass against the batch size, on this machine.",
        "A line chart on logarithmic axes, and the line 1 / batch size beside it. Measured: "
        f"{', '.join(f'{per[b].median:.3g} µs at {b:,}' for b in some)}.",
    )
