"""Figures of chapter 9: ids and tables vermillion, the model's answers purple, rivals grey."""

from microdlrm.figures import style
from microdlrm.figures.style import NEUTRAL, SPARSE, TOP, canvas, show


def collisions(expected, counted):
    """The share of ids that share a row, by the table's rows: `expected(rows)`, and counted."""
    fig, ax = canvas(height=3.0)
    rows = [min(counted) * (max(counted) / min(counted)) ** (i / 40) for i in range(41)]
    ax.semilogx(rows, [expected(m) for m in rows], "-", color=NEUTRAL, label="on paper")
    ax.semilogx(list(counted), list(counted.values()), "o", color=SPARSE, label="counted")
    ax.set(xlabel="rows of the table", ylabel="ids that share a row", ylim=(-0.03, 1.03))
    style.plain_ticks(ax.xaxis, counted)
    ax.legend(loc="lower left")
    said = ", ".join(f"{share:.0%} with {rows:,} rows" for rows, share in counted.items())
    return show(
        fig,
        "The share of the films' ids that share their row with another, by the size of the table.",
        f"A falling curve and dots on it: {said}.",
    )


def hashed_tables(logloss, own_rows):
    """Logloss by (told, hashes, rows), and by what is told with a row for each id."""
    fig, axes = canvas(columns=2, height=3.2)
    said = []
    for ax, told in zip(axes, ("all features", "ids alone"), strict=True):
        table = logloss[told].unstack().rename({1: "one hash", 2: "two hashes"})
        for label, line, fill in zip(table.index, ("s--", "o-"), ("none", SPARSE), strict=True):
            ax.semilogx(table.loc[label], line, color=SPARSE, mfc=fill, label=label)
        ax.axhline(own_rows[told], color=NEUTRAL, ls=":", label="a row for each id")
        points = style.words(table, "{1:.3f} with {0:,} rows")
        said.append(f"{told}, a row for each id: {own_rows[told]:.3f}; {points}")
        ax.set(title=told, xlabel="rows of each table")
        style.plain_ticks(ax.xaxis, table.columns)
    axes[0].set_ylabel("logloss, nats")
    style.legend_above(fig)
    return show(
        fig,
        "Logloss of the test rows, users and films hashed into so many rows each, mean of two "
        "seeds. The axes differ.",
        f"Two line charts. {'; '.join(said)}.",
    )


def lists(table):
    """How good each ranker's lists are: columns value, low, high, indexed by the ranker's name."""
    fig, ax = canvas(height=0.42 * len(table) + 1.0)
    said = []
    for y, (name, line) in enumerate(table.iterrows()):
        colour = TOP if name.startswith(("dot", "trained")) else NEUTRAL
        ax.plot([line["low"], line["high"]], [y, y], color=colour, lw=2)
        ax.plot(line["value"], y, "o", color=colour, ms=7)
        said.append(f"{name}: {line['value']:.3f}, from {line['low']:.3f} to {line['high']:.3f}")
    style.rows(ax, table.index)
    ax.set(xlabel="NDCG@10 among all films not yet rated", xlim=(0, None))
    return show(
        fig,
        "How good the lists of ten are, mean over users, with 95% intervals that draw users.",
        f"A dot plot with intervals. {'; '.join(said)}.",
    )
