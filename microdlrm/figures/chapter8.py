"""Figures of chapter 8: variants side by side."""

from microdlrm.figures.style import INK, NEUTRAL, TOP, canvas, measured_on, show
from microdlrm.machine.timing import duration


def bars(times, title):
    """Horizontal bars of the medians in `times`, from `timing.compare`, with quartiles as
    whiskers.
    """
    names = list(times)
    unit, factor = ("ms", 1e3) if max(times[name].median for name in names) >= 1e-3 else ("µs", 1e6)
    fig, ax = canvas(height=0.42 * len(names) + 0.9)
    for y, name in enumerate(names):
        s = times[name]
        ax.barh(y, s.median * factor, height=0.6, color=NEUTRAL)
        ax.plot([s.low * factor, s.high * factor], [y, y], color=INK, lw=1.5)
        ax.text(s.high * factor, y, f"  {s.median * factor:.3g}", va="center")
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=unit)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.12)
    said = "; ".join(f"{name} {duration(times[name].median)}" for name in names)
    return show(
        fig,
        f"{title}: medians and quartiles. {measured_on()}",
        f"Horizontal bars, one a variant: {said}.",
    )


def gains(changes):
    """Chapter 8's balance: {change: (predicted, Spread)}, both in times as fast; 1 is no
    difference.
    """
    names = list(changes)
    fig, ax = canvas(height=0.33 * len(names) + 1.1)
    for y, (predicted, s) in enumerate(changes.values()):
        ax.plot([s.low, s.high], [y, y], color=TOP, lw=3, alpha=0.5)
        ax.plot(s.median, y, "o", color=TOP, ms=8, label="measured" if not y else None)
        ax.plot(predicted, y, "|", color=INK, ms=14, mew=2.5, label="predicted" if not y else None)
    ax.axvline(1, color=INK, lw=0.8, ls=":")
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    ticks = [m * 10.0**e for e in range(-3, 4) for m in steps if low <= m * 10.0**e <= high]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="times as fast")
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=2)
    said = "; ".join(
        f"{name}: predicted {p:.2g}, measured {s.median:.2g}" for name, (p, s) in changes.items()
    )
    return show(
        fig,
        "What each change brought, predicted and measured; left of 1 it made things slower. "
        f"{measured_on()}",
        f"A dot plot on a logarithmic axis. {said}.",
    )
