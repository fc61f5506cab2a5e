"""The figure of chapter 5."""

from microdlrm.figures.style import INTERACTION, NEUTRAL, canvas, legend_above, plain_ticks, show


def interaction_score(score):
    """Bytes moved and time a call by the number of pairs, from the chapter's table."""
    looks = ((NEUTRAL, "o:"), (INTERACTION, "o-"), (INTERACTION, "s--"))
    least = (score["MB moved"] / score["× compulsory"]).groupby(score["pairs"]).first()
    pairs = list(least.index)
    fig, axes = canvas(columns=2, height=3.4)
    said = []
    axes[0].loglog(pairs, least, color=NEUTRAL, lw=5, alpha=0.4, label="compulsory bytes")
    for ax, column in zip(axes, ("MB moved", "µs"), strict=True):
        for name, (colour, line) in zip(score["function"].unique(), looks, strict=False):
            values = list(score.loc[score["function"] == name, column])
            ax.loglog(pairs, values, line, color=colour, mfc="none", label=name)
            by_pairs = ", ".join(f"{v:.3g} at {p}" for p, v in zip(pairs, values, strict=True))
            said.append(f"{column}, {name}: {by_pairs}")
        ax.set(xlabel="pairs", title=column)
        plain_ticks(ax.xaxis, pairs)
    legend_above(fig, 2)
    return show(
        fig,
        "What the interaction moves, and how long it takes, as the vectors become 4, 8 and 27.",
        "Two line charts over the number of pairs, logarithmic axes. The loop rises most "
        f"steeply. {'; '.join(said)}.",
    )
