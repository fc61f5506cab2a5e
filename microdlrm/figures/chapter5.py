"""The figure of chapter 5."""

from microdlrm.figures import style
from microdlrm.figures.style import INTERACTION, NEUTRAL, canvas, show


def interaction_score(score):
    """Bytes moved and time a call by the number of pairs, from the chapter's table."""
    looks = (dict(color=NEUTRAL, ls=":"), dict(color=INTERACTION), dict(color=INTERACTION, ls="--"))
    score = score.set_index(["function", "pairs"])
    least = (score["MB moved"] / score["× compulsory"]).groupby("pairs").first()
    fig, axes = canvas(columns=2, height=3.4)
    said = []
    axes[0].loglog(least, color=NEUTRAL, lw=5, alpha=0.4, label="compulsory bytes")
    for ax, column in zip(axes, ("MB moved", "µs"), strict=True):
        table = score[column].unstack(sort=False)
        for (name, values), look in zip(table.iterrows(), looks, strict=False):
            ax.loglog(values, marker="o", mfc="none", label=name, **look)
        said.append(f"{column}, {style.words(table, '{1:.3g} at {0}')}")
        ax.set(xlabel="pairs", title=column)
        style.plain_ticks(ax.xaxis, least.index)
    style.legend_above(fig, 2)
    return show(
        fig,
        "What the interaction moves, and how long it takes, as the vectors become 4, 8 and 27.",
        "Two line charts over the number of pairs, logarithmic axes. The loop rises most "
        f"steeply. {'; '.join(said)}.",
    )
