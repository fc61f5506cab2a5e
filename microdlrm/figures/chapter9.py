"""Figures of chapter 9. Ids and tables are vermillion, the model's answers purple, rivals and the past grey."""

from microdlrm.figures.style import INK, NEUTRAL, SPARSE, TOP, canvas, show


def collisions(expected, counted):
    """The share of ids that share a row, by the rows of the table; Series by rows, on paper and counted."""
    fig, ax = canvas(height=3.0)
    ax.semilogx(expected.index, expected, "-", color=NEUTRAL, label="on paper")
    ax.semilogx(counted.index, counted, "o", color=SPARSE, label="counted")
    ax.set(xlabel="rows of the table", ylabel="ids that share a row", ylim=(-0.03, 1.03))
    _plain_ticks(ax, counted.index)
    ax.legend(loc="lower left")
    said = ", ".join(f"{share:.0%} with {rows:,} rows" for rows, share in counted.items())
    return show(
        fig,
        "The share of the films' ids that share their row with another, by the size of the table.",
        f"A falling curve and dots on it: {said}.",
    )


def hashed_tables(logloss, own_rows):
    """Logloss by rows; a Series with the index levels told, hashes, rows, and what a row for each id gives."""
    fig, axes = canvas(columns=2, height=3.2)
    said = []
    for ax, told in zip(axes, ("all features", "ids alone"), strict=True):
        for hashes, line, fill in ((1, "s--", "none"), (2, "o-", SPARSE)):
            values = logloss[told][hashes].sort_index()
            label = "one hash" if hashes == 1 else "two hashes"
            ax.semilogx(values.index, values, line, color=SPARSE, mfc=fill, label=label)
            said.append(f"{told}, {label}: {', '.join(f'{v:.3f} with {r:,} rows' for r, v in values.items())}")
        ax.axhline(own_rows[told], color=NEUTRAL, ls=":", label="a row for each id")
        said.append(f"{told}, a row for each id: {own_rows[told]:.3f}")
        ax.set(title=told, xlabel="rows of each table")
        _plain_ticks(ax, values.index)
    axes[0].set_ylabel("logloss, nats")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return show(
        fig,
        "Logloss of the test rows, users and films hashed into so many rows each, mean of two seeds. The axes differ.",
        f"Two line charts. {'; '.join(said)}.",
    )


def lists(table, metric="NDCG@10"):
    """How good each ranker's lists are: columns value, low, high, indexed by the ranker's name."""
    fig, ax = canvas(height=0.42 * len(table) + 1.0)
    said = []
    for y, (name, line) in enumerate(table.iterrows()):
        colour = NEUTRAL if name == "popularity" else TOP
        ax.plot([line["low"], line["high"]], [y, y], color=colour, lw=2)
        ax.plot(line["value"], y, "o", color=colour, ms=7)
        said.append(f"{name}: {line['value']:.3f}, from {line['low']:.3f} to {line['high']:.3f}")
    ax.set(yticks=range(len(table)), yticklabels=table.index, xlabel=f"{metric} among all films not yet rated")
    ax.set(xlim=(0, None), ylim=(len(table) - 0.5, -0.5))
    return show(fig, "How good the lists of ten are, mean over users, with 95% intervals that draw users.",
                f"A dot plot with intervals. {'; '.join(said)}.")  # fmt: skip


def two_stages(kept):
    """The share of NDCG@10 that is left when n films are retrieved first; a frame by n, a column a retriever."""
    fig, ax = canvas(height=3.0)
    said = []
    for (name, values), (line, fill) in zip(kept.items(), (("o-", TOP), ("s--", "none"), ("^:", "none")), strict=False):
        ax.semilogx(values.index, values, line, color=TOP if fill == TOP else NEUTRAL, mfc=fill, label=name)
        said.append(f"{name}: {', '.join(f'{v:.0%} with {n} films' for n, v in values.items())}")
    ax.axhline(1, color=INK, ls=":", lw=1)
    ax.set(xlabel="films retrieved for each user", ylabel="NDCG@10 that is left", ylim=(0, None))
    _plain_ticks(ax, kept.index)
    ax.legend(loc="best")
    return show(
        fig,
        "Retrieve some films, rank those by the model: what is left of the NDCG that ranking all films has.",
        f"A line chart, the whole marked. {'; '.join(said)}.",
    )


def by_week(saved, unaged):
    """Logloss saved over the model trained once, by week; a frame with a column a way of keeping up to date."""
    looks = (("s--", "none"), ("^:", "none"), ("o-", TOP))
    fig, ax = canvas(height=3.2)
    said = []
    for (name, values), (line, fill) in zip(saved.items(), looks, strict=False):
        ax.plot(values.index, values, line, color=TOP, mfc=fill, label=name)
        said.append(f"{name}: {', '.join(f'{v:+.3f}' for v in values)}")
    ax.axhline(0, color=NEUTRAL, ls=":", label=unaged)
    ax.set(xlabel="weeks since the first model was trained", ylabel="logloss saved, nats", xticks=saved.index)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return show(
        fig,
        "What is saved over the first model, left as it was, week by week, mean of two seeds.",
        f"A line chart. {'; '.join(said)}.",
    )


def by_width(gained):
    """Logloss saved over the narrowest rows, by width; a frame with a column a group of films."""
    looks = (("o-", SPARSE), ("s--", "none"), ("^:", "none"))
    fig, ax = canvas(height=3.0)
    said = []
    for (name, values), (line, fill) in zip(gained.items(), looks, strict=False):
        ax.semilogx(values.index, values, line, color=SPARSE, mfc=fill, label=name)
        said.append(f"{name}: {', '.join(f'{v:+.4f} at {w}' for w, v in values.items())}")
    ax.axhline(0, color=NEUTRAL, ls=":")
    ax.set(xlabel="numbers in a row", ylabel=f"logloss saved over\n{gained.index[0]} numbers, nats")
    _plain_ticks(ax, gained.index)
    handles = ax.get_legend_handles_labels()
    fig.legend(*handles, loc="outside upper center", ncols=3, title="training ratings of the film")
    return show(
        fig,
        "What wider rows save, by how many training ratings the film has; mean of two seeds.",
        f"A line chart. {'; '.join(said)}.",
    )


def _plain_ticks(ax, values):
    ax.set_xticks(list(values), [f"{value:,}" for value in values])
    ax.minorticks_off()
