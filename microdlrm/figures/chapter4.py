"""Figures of chapter 4. Dot is drawn full, concat hollow or dashed."""

from matplotlib.patches import Rectangle

from microdlrm.figures.style import INTERACTION, NEUTRAL, canvas, show


def widths(tables, by_interaction):
    """Input width of the top MLP against the number of tables; `by_interaction` maps a label to the widths."""
    fig, ax = canvas()
    for label, values in by_interaction.items():
        line, width = "-" if label.startswith("dot") else "--", 3 if "64" in label else 1.5
        ax.loglog(tables, values, line, color=INTERACTION, lw=width, label=label)
    ax.set(xlabel="number of tables", ylabel="input width of the top MLP")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xticks(tables, tables)
    ax.minorticks_off()
    ax.legend()
    last = "; ".join(f"{label}, {values[-1]:,} wide" for label, values in by_interaction.items())
    return show(
        fig,
        "How wide the top MLP's input becomes as tables are added.",
        "A line chart on logarithmic axes. Concat rises in proportion to the number of tables; dot starts lower, "
        f"rises ever more steeply and overtakes. At {tables[-1]:,} tables: {last}.",
    )


def pair_orders(names):
    """In which order the pairs of the vectors `names` leave the interaction: upper triangle, lower triangle."""
    n = len(names)
    orders = {
        "upper: this course": [(i, j) for i in range(n) for j in range(i + 1, n)],
        "lower: facebookresearch/dlrm": [(i, j) for i in range(n) for j in range(i)],
    }
    fig, axes = canvas(columns=2, height=3.3)
    for ax, (title, pairs) in zip(axes, orders.items(), strict=True):
        for i in range(n):
            for j in range(n):
                kept = (i, j) in pairs
                colour, alpha = (INTERACTION, 0.55) if kept else (NEUTRAL, 0.15)
                ax.add_patch(
                    Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, color=colour, alpha=alpha, lw=0)
                )
                if kept:
                    ax.text(j, i, pairs.index((i, j)), ha="center", va="center", fontsize=13)
        ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal")
        ax.set_title(title, fontsize=11)
        ax.set_xticks(range(n), names, rotation=30)
        ax.set_yticks(range(n), names)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(False)
    said = [
        f"{title}: {', '.join(f'{names[i]} with {names[j]}' for i, j in pairs)}"
        for title, pairs in orders.items()
    ]
    return show(
        fig,
        "The same pairs, numbered in the order in which they leave the interaction.",
        f"Two grids, one vector a row and a column; half of the cells are numbered. {'; '.join(said)}.",
    )


def rules(accuracy):
    """Made-up rules and who learns them: `accuracy` maps rule -> model -> {training pairs: accuracy}."""
    looks = (("s:", "none"), ("o--", "none"), ("o-", None))
    fig, axes = canvas(columns=len(accuracy), height=3.2, sharey=True)
    said = []
    for ax, (rule, models) in zip(axes, accuracy.items(), strict=True):
        for (model, points), (look, fill) in zip(models.items(), looks, strict=True):
            ax.semilogx(
                points.keys(),
                points.values(),
                look,
                color=INTERACTION,
                mfc=fill,
                lw=1.5,
                label=model,
            )
            said.append(
                f"{rule}, {model}: " + ", ".join(f"{a:.2f} at {n:,}" for n, a in points.items())
            )
        ax.set(title=rule, xlabel="training pairs", ylim=(0.45, 1.03))
        ax.set_xticks(list(points), [f"{n:,}" for n in points])
        ax.minorticks_off()
    axes[0].set_ylabel("accuracy on new pairs")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return show(
        fig,
        "Accuracy on new pairs against the number of training pairs, for two made-up rules.",
        f"Two line charts. {'; '.join(said)}.",
    )


def seeds(results, metrics=("auc", "logloss")):
    """One point a seed and a bar at the median; `results` has the columns variant, seed and the metrics."""
    order = list(dict.fromkeys(results["variant"]))
    fig, axes = canvas(columns=len(metrics), height=0.5 * len(order) + 1.1, sharey=True)
    said, points = [], {}
    for ax, metric in zip(axes, metrics, strict=True):
        name = metric.upper() if metric == "auc" else metric
        for y, variant in enumerate(order):
            values = results[results["variant"] == variant].set_index("seed")[metric]
            fill = INTERACTION if variant.startswith("dot") else "none"
            for seed, value in values.items():
                gid, others = (
                    f"seed-{metric}-{y}-{seed}",
                    [f"seed-{m}-{y}-{seed}" for m in metrics if m != metric],
                )
                ax.plot(value, y, "o", color=INTERACTION, mfc=fill, alpha=0.8, ms=6, gid=gid)
                says = f"{variant}, seed {seed}: {name} {value:.4f}, the median is {values.median():.4f}."
                points[gid] = says, others
            ax.plot([values.median()] * 2, [y - 0.3, y + 0.3], color=INTERACTION, lw=3)
            said.append(
                f"{variant}, {name}: {values.median():.4f}, from {values.min():.4f} to {values.max():.4f}"
            )
        better = "lower is better" if metric == "logloss" else "higher is better"
        ax.set(xlabel=f"{name} ({better})", yticks=range(len(order)), yticklabels=order)
        ax.locator_params(axis="x", nbins=4)
    axes[0].invert_yaxis()
    return show(
        fig,
        "One point a seed, a bar at the median, on the test rows.",
        f"{len(metrics)} dot plots; median and range: {'; '.join(said)}.",
        points,
    )
