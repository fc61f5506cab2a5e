"""The look of the book's figures, one style for all of them, and how a notebook shows one.

One palette for the whole book, after Okabe and Ito (2008), told apart by the colour-blind and
legible on white and on black: a colour means the same thing in every figure.
"""

import html
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import LogLocator

from microdlrm.machine.hardware import machine

# A matplotlibrc of the reader's own (LaTeX for all text, another font) is for other figures than
# the book's. Labels are made outside `canvas`, so its style alone would not keep it out.
mpl.rcdefaults()

DENSE = "#0072B2"  # blue: dense features, the bottom MLP
SPARSE = "#D55E00"  # vermillion: ids, bags, embedding tables
INTERACTION = "#009E73"  # green
TOP = "#CC79A7"  # purple: the top MLP, the model's output
NEUTRAL = "#888888"  # grey: everything that isn't part of the model

INK = "#010203"  # stands for the page's text colour until the figure is shown
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # measures the layout; the page falls back on its own
    "font.size": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "axes.axisbelow": True,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick", "grid")},
    **{f"axes.{part}": INK for part in ("edgecolor", "labelcolor", "titlecolor")},
}


def canvas(columns: int = 1, height: float = 3.2, **kwargs):
    """A figure and its axes in the book's style; arguments as for matplotlib's `subplots`."""
    with plt.rc_context(_STYLE):
        kwargs |= dict(figsize=(7.2, height), layout="constrained")
        fig, axes = plt.subplots(1, columns, **kwargs)
    plt.close(fig)  # or the notebook shows it a second time, as a bitmap
    return fig, axes


def show(fig: Figure, caption: str, alt: str, points: dict | None = None) -> HTML:
    """The figure as SVG in the page's own text colour, with a caption and a text alternative.

    points  what can be pointed at: an artist's gid -> (what it says, the gids of what belongs to
            it). It is a tooltip; on a page of the book, pictures.js answers to keyboard and touch.
    """
    # Labels and legends are made outside the style: they get the page's ink here, and no white box.
    for label in fig.findobj(Text):
        if label.get_color() == "black":
            label.set_color(INK)
    for legend in fig.findobj(Legend):
        legend.set_frame_on(False)
    file = io.StringIO()
    with plt.rc_context(_STYLE):
        fig.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(?<=\.\d\d)\d+(?=[^<>]*>)", "", svg)  # in tags hundredths of a point suffice
    for gid, (said, others) in (points or {}).items():
        said = html.escape(said, quote=True)
        mark = f'<g data-point="{gid}" data-says="{said}" data-with="{" ".join(others)}">'
        mark += f"<title>{said}</title>"
        svg = svg.replace(f'<g id="{gid}">', mark)
    # What belongs to a point, and says nothing.
    svg = re.sub(r'<g id="(part-[^"]+)">', r'<g data-point="\1">', svg)
    size = r'width="[\d.]+pt" height="[\d.]+pt"'
    svg = re.sub(size, 'width="100%" style="max-width: 46rem"', svg, count=1)
    return HTML(
        f'<figure class="microdlrm" tabindex="0">'
        f'<div role="img" aria-label="{html.escape(alt, quote=True)}">{svg}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


PARTS = {"tables": SPARSE, "bottom MLP": DENSE, "interaction": INTERACTION, "top MLP": TOP}


def rows(ax, names):
    """The rows of a chart of horizontal bars: a name each, the first on top."""
    ax.set(yticks=range(len(names)), yticklabels=names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def stacked(ax, table, colours, text="", least=0.0, total=None, columns=3):
    """Bars end to end, one for each row of a frame, and their legend; a colour for each column.

    text   what stands on a part wider than `least`, of its name and width
    total  what stands behind a bar, of its sum
    """
    left = table.sum(axis=1) * 0
    for (part, widths), colour in zip(table.items(), colours, strict=True):
        bars = ax.barh(range(len(table)), widths, left=left, height=0.6, color=colour, label=part)
        full = "white" if colour == DENSE else "#111111"  # what is legible on it, light and dark
        ink = full if isinstance(colour, str) else INK
        said = [text.format(part, width) if width > least else "" for width in widths]
        ax.bar_label(bars, said, label_type="center", color=ink, fontsize=10)
        left += widths
    if total is not None:
        ax.bar_label(bars, [total(end) for end in left], padding=4)
    rows(ax, table.index)
    legend_above(ax.figure, columns)


def words(table, text):
    """A frame in words, row by row; `text` formats a column's name and the number in it."""
    said = []
    for name, row in table.iterrows():
        parts = ", ".join(text.format(*pair) for pair in row.dropna().items())
        said.append(f"{name}: {parts}")
    return "; ".join(said)


def legend_above(fig, columns=3):
    """One legend for all panels; a label that comes more than once is in it once."""
    found = [pair for ax in fig.axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in reversed(found)}
    labels = list(dict.fromkeys(label for _, label in found))
    place = dict(loc="outside upper center", ncols=columns)
    fig.legend([handles[label] for label in labels], labels, **place)


def plain_ticks(axis, values, text="{:,}".format, **look):
    """Ticks of a logarithmic axis at these values alone, written out."""
    axis.set_ticks(list(values), [text(value) for value in values], **look)
    axis.axes.minorticks_off()


def round_ticks(axis):
    """Ticks of a logarithmic axis at 1, 2, 5, 10, 20, …; at powers of ten where it is long."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.axes.minorticks_off()


def measured_line(ax, x, spreads, look="o-", *, color, **kwargs):
    """A line of medians, the quartiles shaded around it; `spreads`: a Spread for each x."""
    low, high = [s.low for s in spreads], [s.high for s in spreads]
    ax.fill_between(x, low, high, color=color, alpha=0.3, lw=0)
    ax.loglog(x, [s.median for s in spreads], look, color=color, **kwargs)


def against_paper(ratios, xlabel, caption):
    """Ratios predicted and measured on one axis: a name -> (predicted, Spread)."""
    fig, ax = canvas(height=0.33 * len(ratios) + 1.1)
    for y, (predicted, s) in enumerate(ratios.values()):
        ax.barh(y, s.median - 1, left=1, height=0.6, color=NEUTRAL, label="measured")
        ax.plot([s.low, s.high], [y, y], color=INK, lw=1.5)
        ax.plot(predicted, y, "|", color=INK, ms=14, mew=2.5, label="predicted")
    ax.axvline(1, color=INK, lw=0.8)
    ax.set(xscale="log", xlabel=xlabel)
    round_ticks(ax.xaxis)
    rows(ax, ratios)
    legend_above(fig)
    pairs = {name: (predicted, s.median) for name, (predicted, s) in ratios.items()}
    said = words(pd.DataFrame(pairs, ["predicted", "measured"]).T, "{} {:.3g}")
    alt = f"Bars from 1 on a logarithmic axis. {said}."
    return show(fig, f"{caption} Whiskers: quartiles. {measured_on()}", alt)


def measured_on():
    """What a caption of a measurement says of the machine."""
    return f"Measured on {machine()}."
