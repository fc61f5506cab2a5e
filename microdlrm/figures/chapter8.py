"""Figures of chapter 8: variants side by side."""

from matplotlib.ticker import EngFormatter

from microdlrm.figures import style
from microdlrm.figures.style import INK, NEUTRAL, canvas, measured_on, show
from microdlrm.machine.timing import duration


def bars(times, title):
    """Medians of `times`, from `timing.compare`, with quartiles as whiskers."""
    fig, ax = canvas(height=0.42 * len(times) + 0.9)
    for y, s in enumerate(times.values()):
        ax.barh(y, s.median, height=0.6, color=NEUTRAL)
        ax.plot([s.low, s.high], [y, y], color=INK, lw=1.5)
        ax.text(s.high, y, f"  {duration(s.median)}", va="center")
    style.rows(ax, times)
    ax.set_xlabel("time of a call")
    ax.xaxis.set_major_formatter(EngFormatter("s"))
    ax.margins(x=0.15)
    said = "; ".join(f"{name} {duration(s.median)}" for name, s in times.items())
    return show(
        fig,
        f"{title}: medians and quartiles. {measured_on()}",
        f"Horizontal bars, one a variant: {said}.",
    )


def gains(changes):
    """The balance: {change: (predicted, Spread)}, both in times as fast; 1 is no difference."""
    caption = "What each change brought, predicted and measured; left of 1 it made things slower."
    return style.against_paper(changes, "times as fast", caption)
