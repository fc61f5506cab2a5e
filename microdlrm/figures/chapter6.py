"""Figures of chapter 6. Training rows are grey, held-out rows in ink; our model is purple, its rivals grey."""


from microdlrm.figures.style import INK, NEUTRAL, SPARSE, TOP, canvas, measured_on, show


def calibrations(tables):
    """What came against what was promised; `tables` maps a model's name to its `metrics.calibration`."""
    looks = (("o-", TOP, TOP), ("s--", NEUTRAL, "none"))
    fig, ax = canvas(height=3.8)
    said = []
    for (name, table), (line, colour, fill) in zip(tables.items(), looks, strict=False):
        ax.plot(table["promised"], table["came"], line, color=colour, mfc=fill, label=name)
        pairs = zip(table["promised"], table["came"], strict=True)
        said.append(f"{name}: " + ", ".join(f"{p:.2f} promised, {c:.2f} came" for p, c in pairs))
    ax.plot([0, 1], [0, 1], ":", color=INK, lw=1, label="as promised")
    ax.set(xlabel="promised: mean probability", ylabel="came: share of clicks", xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="upper left")
    return show(
        fig,
        "Rows sorted into ten bins by their probability: what each bin was promised, and what came.",
        f"A line chart, the diagonal marked. {'; '.join(said)}.",
    )


def learning_curves(runs):
    """Logloss of training and of validation rows by epoch; `runs` maps a title to what `training.fit` returned."""
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
            says += f"training rows {line['training_logloss']:.3f}, validation rows {line['logloss']:.3f}."
            points[validation] = says, [training]
        kept = epochs["epoch"][best], epochs["logloss"][best]
        ax.plot(*kept, "o", color=INK, mfc="none", ms=11, label="the epoch kept")
        ax.set(title=title, xlabel="epoch", xticks=epochs["epoch"])
        first, last = epochs.iloc[0], epochs.iloc[-1]
        said.append(
            f"{title}: training from {first['training_logloss']:.2f} to {last['training_logloss']:.2f}, validation "
            f"from {first['logloss']:.2f} through {kept[1]:.2f} in epoch {kept[0]} to {last['logloss']:.2f}"
        )
    axes[0].set_ylabel("logloss, nats")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return show(
        fig,
        "Logloss by epoch: of the training rows the mean met on the way, of the validation rows at the epoch's end.",
        f"{len(runs)} line charts. {'; '.join(said)}.",
        points,
    )


def leads(table, better):
    """How far ahead a model is, by group; columns logloss, low, high, rows; `better` says who leads whom."""
    fig, ax = canvas(height=0.42 * len(table) + 1.1)
    points = {}
    for y, (group, line) in enumerate(table.iterrows()):
        ax.plot([line["low"], line["high"]], [y, y], color=TOP, lw=2, gid=f"part-{y}")
        ax.plot(line["logloss"], y, "o", color=TOP, ms=7, gid=f"group-{y}")
        says = f"{group}: {line['logloss']:.3f}, from {line['low']:.3f} to {line['high']:.3f}"
        points[f"group-{y}"] = says, [f"part-{y}"]
    ax.axvline(0, color=NEUTRAL, ls=":")
    names = [f"{group} ({int(rows):,} rows)" for group, rows in table["rows"].items()]
    ax.set(yticks=range(len(table)), yticklabels=names, xlabel=f"logloss saved by {better}, nats")
    ax.invert_yaxis()
    return show(
        fig,
        "How much lower the logloss is, by group of test rows, with 95% intervals. Right of the dotted line is better.",
        f"A dot plot with intervals. {'; '.join(says for says, _ in points.values())}.",
        points,
    )


def time_to_quality(runs, targets):
    """Validation accuracy against CPU-seconds of training; `runs` maps a name to what `fit` returned."""
    looks = (("s--", NEUTRAL), ("s-", NEUTRAL), ("^:", NEUTRAL), ("o--", TOP), ("o-", TOP), ("D-", SPARSE))
    fig, ax = canvas(height=3.6)
    said = []
    for (name, epochs), (line, colour) in zip(runs.items(), looks, strict=False):
        fill = None if line.endswith("-") and not line.endswith("--") else "none"
        ax.semilogx(epochs["cpu_seconds"], epochs["accuracy"], line, color=colour, mfc=fill, ms=4, label=name)
        first, last = epochs.iloc[0], epochs.iloc[-1]
        said.append(
            f"{name}: {first['accuracy']:.3f} after {first['cpu_seconds']:.1f} CPU-seconds, "
            f"{last['accuracy']:.3f} after {last['cpu_seconds']:.1f}"
        )
    for target in targets:
        ax.axhline(target, color=INK, lw=0.8, ls=":")
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="CPU-seconds of training", ylabel="validation accuracy")
    fig.legend(loc="outside upper center", ncols=2)
    return show(
        fig,
        f"Accuracy on the validation rows against the time spent, a mark an epoch; targets dotted. {measured_on()}",
        f"A line chart, time on a logarithmic axis. {'; '.join(said)}.",
    )


def by_epoch(logloss):
    """Logloss by epoch, for known and for cold users; a Series with the index levels who, model, epoch."""
    looks = {"dot": (("s", "--"), NEUTRAL), "dot, histories": (("o", "-"), TOP)}
    fig, axes = canvas(columns=2, height=3.0)
    said, points = [], {}
    for ax, who in zip(axes, ("known", "cold"), strict=True):
        for model, ((mark, line), colour) in looks.items():
            values = logloss[who][model]
            look = dict(color=colour, mfc=None if mark == "o" else "none")
            ax.plot(values.index, values, line, color=colour)
            ax.plot([], [], mark + line, **look, label=model)
            for epoch, value in values.items():
                gid = f"{who}-{epoch}-{mark}"
                ax.plot(epoch, value, mark, **look, gid=gid)
                others = [f"{who}-{epoch}-{m}" for (m, _), _ in looks.values() if m != mark]
                points[gid] = f"{who} users, {model}, epoch {epoch}: {value:.3f}.", others
            said.append(f"{who} users, {model}: {', '.join(f'{v:.3f}' for v in values)}")
        ax.set(title=f"{who} users", xlabel="epoch", ylabel="logloss, nats", xticks=values.index)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return show(
        fig,
        "Logloss of the test rows of the time split after each epoch, for users with and without a past. The two "
        "axes differ.",
        f"Two line charts. {'; '.join(said)}.",
        points,
    )
