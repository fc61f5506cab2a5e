"""Figures of chapter 3."""

from microdlrm.figures.style import DENSE, NEUTRAL, SPARSE, TOP, canvas, show


def shares(parts):
    """Who holds the parameters and who does the FLOPs: shares of a forward pass, from a frame of
    `cost.parts`.
    """
    forward = parts.loc["forward"]
    groups = {
        "tables": (SPARSE, forward[forward.index.str.startswith("table")]),
        "bottom MLP": (DENSE, forward.loc[["bottom MLP"]]),
        "top MLP": (TOP, forward.loc[["top MLP"]]),
    }
    rows = {"parameters": "parameters held", "flops": "FLOPs done"}
    fig, ax = canvas(height=1.9)
    left, said = dict.fromkeys(rows, 0.0), {row: [] for row in rows}
    for name, (colour, own) in groups.items():
        for y, row in enumerate(rows):
            share = own[row].sum() / forward[row].sum()
            ax.barh(y, share, left=left[row], color=colour, height=0.6, label=None if y else name)
            if share > 0.06:
                ax.text(
                    left[row] + share / 2,
                    y,
                    f"{share:.0%}",
                    ha="center",
                    va="center",
                    color="#111111",
                )
            left[row] += share
            said[row].append(f"{name} {share:.0%}")
    ax.set(yticks=range(len(rows)), yticklabels=rows.values(), xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    fig.legend(loc="outside upper center", ncols=3)
    return show(
        fig,
        "Who holds the parameters and who does the FLOPs of a forward pass.",
        f"Two stacked bars. {'; '.join(f'{rows[row]}: ' + ', '.join(said[row]) for row in rows)}.",
    )


def batch_sizes(times):
    """Time per sample against batch size; `times` maps batch sizes to the Spread of a call, in
    seconds.
    """
    sizes = list(times)
    per = {b: times[b].into(lambda s, b=b: s / b * 1e6) for b in sizes}
    fig, ax = canvas()
    ax.fill_between(
        sizes, [per[b].low for b in sizes], [per[b].high for b in sizes], color=TOP, alpha=0.3, lw=0
    )
    ax.loglog(
        sizes,
        [per[b].median for b in sizes],
        "o-",
        color=TOP,
        ms=4,
        label="measured: median, quartiles",
    )
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
