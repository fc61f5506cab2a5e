"""Figures of chapter 6: training rows grey, held-out rows ink; our model purple, rivals grey."""

from microdlrm.figures.style import INK, NEUTRAL, TOP, canvas, legend_above, show


def calibrations(tables):
    """What came against what was promised: a model's name -> its `metrics.calibration`."""
    looks = (("o-", TOP, TOP), ("s--", NEUTRAL, "none"))
    fig, ax = canvas(height=3.8)
    said = []
    for (name, table), (line, colour, fill) in zip(tables.items(), looks, strict=False):
        ax.plot(table["promised"], table["came"], line, color=colour, mfc=fill, label=name)
        pairs = zip(table["promised"], table["came"], strict=True)
        said.append(f"{name}: " + ", ".join(f"{p:.2f} promised, {c:.2f} came" for p, c in pairs))
    ax.plot([0, 1], [0, 1], ":", color=INK, lw=1, label="as promised")
    ax.set(xlabel="promised: mean probability", ylabel="came: share of clicks")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="upper left")
    return show(
        fig,
        "Rows sorted into ten bins by probability: what each bin was promised, and what came.",
        f"A line chart, the diagonal marked. {'; '.join(said)}.",
    )


def learning_curves(runs):
    """Logloss of training and validation rows by epoch: a title -> what `training.fit` gave."""
    fig, axes = canvas(columns=len(runs), height=3.2, sharey=True)
    said, points = [], {}
    for panel, (ax, (title, epochs)) in enumerate(zip(axes, runs.items(), strict=True)):
        best = epochs["logloss"].idxmin()
        ax.plot(epochs["epoch"], epochs["training_logloss"], "--", color=NEUTRAL)
        ax.plot(epochs["epoch"], epochs["logloss"], "-", color=INK)
        ax.plot([], [], ".--", color=NEUTRAL, label="training rows")
        ax.plot([], [], "o-", color=INK, ms=4, label="validation rows")
        for k, line in epochs.iterrows():
            training, validation = f"part-{panel}-{k}", f"epoch-{panel}-{k}"
            ax.plot(line["epoch"], line["training_logloss"], ".", color=NEUTRAL, gid=training)
            ax.plot(line["epoch"], line["logloss"], "o", color=INK, ms=4, gid=validation)
            says = f"{title}, epoch {line['epoch']:.0f}{', the epoch kept' if k == best else ''}: "
            says += f"training rows {line['training_logloss']:.3f}, "
            says += f"validation rows {line['logloss']:.3f}."
            points[validation] = says, [training]
        kept = epochs["epoch"][best], epochs["logloss"][best]
        ax.plot(*kept, "o", color=INK, mfc="none", ms=11, label="the epoch kept")
        ax.set(title=title, xlabel="epoch", xticks=epochs["epoch"])
        first, last = epochs.iloc[0], epochs.iloc[-1]
        said.append(
            f"{title}: training from {first['training_logloss']:.2f} to "
            f"{last['training_logloss']:.2f}, validation from {first['logloss']:.2f} through "
            f"{kept[1]:.2f} in epoch {kept[0]} to {last['logloss']:.2f}"
        )
    axes[0].set_ylabel("logloss, nats")
    legend_above(fig)
    return show(
        fig,
        "Logloss by epoch: of the training rows the mean met on the way, of the validation rows at "
        "the epoch's end.",
        f"{len(runs)} line charts. {'; '.join(said)}.",
        points,
    )
