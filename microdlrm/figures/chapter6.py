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
        n, training, validation = (epochs[c] for c in ("epoch", "training_logloss", "logloss"))
        ax.plot(n, training, ".--", color=NEUTRAL, label="training rows")
        ax.plot(n, validation, "o-", color=INK, ms=4, label="validation rows")
        best = validation.idxmin()
        kept = dict(mfc="none", ms=11, label="the epoch kept")
        ax.plot(n[best], validation[best], "o", color=INK, **kept)
        for k, epoch in n.items():
            part, point = f"part-{panel}-{k}", f"epoch-{panel}-{k}"
            ax.plot(epoch, training[k], ".", color=NEUTRAL, gid=part)
            ax.plot(epoch, validation[k], "o", color=INK, ms=4, gid=point)
            says = f"{title}, epoch {epoch}{', the epoch kept' if k == best else ''}: "
            says += f"training rows {training[k]:.3f}, validation rows {validation[k]:.3f}."
            points[point] = says, [part]
        ax.set(title=title, xlabel="epoch", xticks=n)
        first, last = epochs.index[0], epochs.index[-1]
        says = f"training from {training[first]:.2f} to {training[last]:.2f}, validation from "
        says += f"{validation[first]:.2f} through {validation[best]:.2f} in epoch {n[best]} to "
        said.append(f"{title}: {says}{validation[last]:.2f}")
    axes[0].set_ylabel("logloss, nats")
    legend_above(fig)
    return show(
        fig,
        "Logloss by epoch: of the training rows the mean met on the way, of the validation rows at "
        "the epoch's end.",
        f"{len(runs)} line charts. {'; '.join(said)}.",
        points,
    )
