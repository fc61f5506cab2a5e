"""Figures of chapter 4. Dot is drawn full, concat hollow or dashed."""

from microdlrm.figures.style import INTERACTION, canvas, legend_above, plain_ticks, show


def widths(tables, by_interaction):
    """The top MLP's input width by the number of tables; `by_interaction`: label -> widths."""
    fig, ax = canvas()
    for label, values in by_interaction.items():
        line, width = "-" if label.startswith("dot") else "--", 3 if "64" in label else 1.5
        ax.loglog(tables, values, line, color=INTERACTION, lw=width, label=label)
    ax.set(xlabel="number of tables", ylabel="input width of the top MLP")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    plain_ticks(ax.xaxis, tables)
    ax.legend()
    last = "; ".join(f"{label}, {values[-1]:,} wide" for label, values in by_interaction.items())
    return show(
        fig,
        "How wide the top MLP's input becomes as tables are added.",
        "A line chart on logarithmic axes. Concat rises in proportion to the number of tables; "
        "dot starts lower, rises ever more steeply and overtakes. "
        f"At {tables[-1]:,} tables: {last}.",
    )


def rules(accuracy):
    """Made-up rules and who learns them: rule -> model -> {training pairs: accuracy}."""
    looks = (("s:", "none"), ("o--", "none"), ("o-", None))
    fig, axes = canvas(columns=len(accuracy), height=3.2, sharey=True)
    said = []
    for ax, (rule, models) in zip(axes, accuracy.items(), strict=True):
        for (model, points), (line, fill) in zip(models.items(), looks, strict=True):
            look = dict(color=INTERACTION, mfc=fill, lw=1.5, label=model)
            ax.semilogx(points.keys(), points.values(), line, **look)
            words = ", ".join(f"{a:.2f} at {n:,}" for n, a in points.items())
            said.append(f"{rule}, {model}: {words}")
        ax.set(title=rule, xlabel="training pairs", ylim=(0.45, 1.03))
        plain_ticks(ax.xaxis, points)
    axes[0].set_ylabel("accuracy on new pairs")
    legend_above(fig)
    return show(
        fig,
        "Accuracy on new pairs against the number of training pairs, for two made-up rules.",
        f"Two line charts. {'; '.join(said)}.",
    )
