"""The figure of chapter 5."""

from microdlrm.figures.style import INTERACTION, NEUTRAL, canvas, show


def interaction_score(score):
    """Bytes moved and time a call against the number of pairs, a line a function; `score` is the
    chapter's table.
    """
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
        ax.set_xticks(pairs, [str(p) for p in pairs])
        ax.minorticks_off()
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return show(
        fig,
        "What the interaction moves, and how long it takes, as the vectors become 4, 8 and 27.",
        "Two line charts over the number of pairs, logarithmic axes. The loop rises most "
        f"steeply. {'; '.join(said)}.",
    )
