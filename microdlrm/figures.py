"""Every figure the book draws, one function each. They return what a notebook shows as a cell's last line.

One palette for the whole book, after Okabe and Ito (2008), told apart by the colour-blind and legible on white
and on black: a colour means the same thing in every figure.
"""

import html
import io
import itertools
import re

import matplotlib.pyplot as plt
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from microdlrm import bench, hardware

DENSE = "#0072B2"  # blue: dense features, the bottom MLP
SPARSE = "#D55E00"  # vermillion: ids, bags, embedding tables
INTERACTION = "#009E73"  # green
TOP = "#CC79A7"  # purple: the top MLP, the model's output
NEUTRAL = "#888888"  # grey: everything that isn't part of the model

_INK = "#010203"  # stands for the page's text colour until the figure is shown
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "axes.axisbelow": True,
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick", "grid")},
    **{f"axes.{part}": _INK for part in ("edgecolor", "labelcolor", "titlecolor")},
}


def canvas(rows: int = 1, columns: int = 1, height: float = 3.2, width: float = 7.2, **kwargs):
    """A figure and its axes in the book's style; arguments as for matplotlib's `subplots`."""
    with plt.rc_context(_STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **kwargs)
    plt.close(fig)  # or the notebook shows it a second time, as a bitmap
    return fig, axes


def show(fig: Figure, caption: str, alt: str) -> HTML:
    """The figure as inline SVG in the page's own text colour, light or dark, with a caption and a text alternative."""
    # Labels and legends are made outside the style: they get the page's ink here, and no white box.
    for label in fig.findobj(lambda artist: isinstance(artist, Text) and artist.get_color() == "black"):
        label.set_color(_INK)
    for legend in fig.findobj(Legend):
        legend.set_frame_on(False)
    file = io.StringIO()
    with plt.rc_context(_STYLE):
        fig.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'width="100%" style="max-width: 46rem"', svg, count=1)
    return HTML(
        f'<figure class="microdlrm"><div role="img" aria-label="{html.escape(alt, quote=True)}">{svg}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


# --- Chapter 1: clicks. Training rows are grey, test rows in ink. ---


def long_tail(ratings):
    """Ratings of each user and of each movie, the busiest first; `ratings` has the columns user_id and item_id."""
    fig, axes = canvas(columns=2, height=2.9)
    said = []
    for ax, column, name in zip(axes, ("user_id", "item_id"), ("users", "movies"), strict=True):
        counts = ratings[column].value_counts().to_numpy()
        steps = (counts[1:] != counts[:-1]).nonzero()[0] + 1
        edges = [0, *steps, len(counts) - 1]
        ax.fill_between(edges, counts[edges], 0.7, step="post", color=SPARSE, alpha=0.3, lw=0)
        ax.step(edges, counts[edges], where="post", color=SPARSE)
        ax.set(yscale="log", ylim=(0.7, 1000), xlim=(1, len(counts)), xlabel=f"{name}, the busiest first")
        ax.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        middle = int(counts[len(counts) // 2])
        ax.axvline(len(counts) / 2, color=NEUTRAL, ls=":")
        ax.annotate(f"the middle one: {middle}", (len(counts) / 2, middle), (8, 10), textcoords="offset points")
        said.append(f"{len(counts):,} {name}, from {counts[0]} ratings through {middle} in the middle to {counts[-1]}")
    axes[0].set_ylabel("ratings")
    return show(
        fig,
        "How many ratings each user gave and each movie got. The vertical axis is logarithmic.",
        f"Two falling curves on a logarithmic axis. {'; '.join(said)}. The movies' curve falls far lower.",
    )


def splits(ratings, by_name, users=50, seed=0):
    """When some users rated, and which of these ratings each split tests on; `by_name` maps a name to a Split."""
    chosen = ratings.drop_duplicates("user_id")["user_id"].sample(users, random_state=seed)
    some = ratings[ratings["user_id"].isin(chosen)]
    row = some.groupby("user_id")["timestamp"].min().rank(method="first")
    # One mark for what a user rated within a week: thousands of ratings within minutes would print as one.
    days = (some["timestamp"] - ratings["timestamp"].min()) / 86400
    place = some.assign(week=(days // 7).astype(int), y=some["user_id"].map(row))
    fig, axes = canvas(columns=len(by_name), height=3.6, sharey=True)
    said = []
    for ax, (name, split) in zip(axes, by_name.items(), strict=True):
        marks = place.assign(tested=place.index.isin(split.test)).groupby(["y", "week"])["tested"].mean().reset_index()
        ax.scatter(marks["week"], marks["y"], s=30, c=NEUTRAL, marker="s", lw=0, label="training")
        held_out = marks[marks["tested"] > 0]
        ax.scatter(held_out["week"], held_out["y"], s=24 * held_out["tested"], c=_INK, lw=0, label="test")
        ax.set(title=name, xlabel="week", yticks=[])
        ax.grid(False)
        mixed = place.assign(tested=place.index.isin(split.test)).groupby("user_id")["tested"].nunique().eq(2).sum()
        said.append(f"{name}: {mixed} of these users have ratings on both sides")
    axes[0].set_ylabel(f"{users} users, the newest on top")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return show(
        fig,
        "Who rated when: one line a user, one square a week with ratings. A dot's area is the share of them held out.",
        f"{len(by_name)} panels with the same marks, users over weeks, along a rising diagonal: most users rate in "
        f"one week only. {'; '.join(said)}.",
    )


def leaks(results):
    """Accuracy with the leak and without; `results` has the columns split, features, seed and accuracy."""
    order = list(dict.fromkeys(results["split"]))
    looks = {"leaky": ("none", "statistics of all ratings"), "honest": (DENSE, "of the training rows only")}
    fig, ax = canvas(height=0.55 * len(order) + 1.2)
    said = []
    for y, split in enumerate(order):
        for (features, (fill, label)), shift in zip(looks.items(), (-0.13, 0.13), strict=True):
            chosen = (results["split"] == split) & (results["features"] == features)
            values = results.loc[chosen, "accuracy"]
            where = [y + shift] * len(values)
            ax.plot(values, where, "o", color=DENSE, mfc=fill, ms=7, alpha=0.8, label=None if y else label)
            said.append(f"{split}, {label}: {values.min():.3f} to {values.max():.3f}")
    ax.set(
        yticks=range(len(order)),
        yticklabels=order,
        xlabel="accuracy on the test rows",
        ylim=(-0.5, len(order) - 0.5),
    )
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=2)
    return show(
        fig,
        "The same model with two versions of one feature, on three splits; one point a seed.",
        f"A dot plot. {'; '.join(said)}.",
    )


# --- Chapter 2: embeddings ---


def bags(values, offsets, names):
    """The ids of some bags in one row, and where each bag starts; `names` labels the bags."""
    ends = [*offsets[1:], len(values)]
    fig, ax = canvas(height=1.7)
    starts = {start: [name for name, at in zip(names, offsets, strict=True) if at == start] for start in offsets}
    shade = 0
    for position, value in enumerate(values):
        shade += position in starts
        ax.add_patch(plt.Rectangle((position, 0), 0.94, 1, fc=SPARSE, alpha=(0.25, 0.5)[shade % 2], lw=0))
        ax.text(position + 0.47, 0.5, value, ha="center", va="center")
        ax.text(position + 0.47, -0.3, position, ha="center", va="center", fontsize=9, alpha=0.7)
    for start, here in starts.items():
        ax.annotate("", (start + 0.06, 1), (start + 0.06, 1.5), arrowprops=dict(arrowstyle="->", color=_INK))
        ax.text(start, 1.6, "\n".join(f"{start}: {name}" for name in here), ha="left", va="bottom")
    ax.text(-0.15, 0.5, "ids", ha="right", va="center")
    ax.text(-0.15, -0.3, "position", ha="right", va="center", fontsize=9, alpha=0.7)
    ax.set(xlim=(-1.2, len(values) + 0.6), ylim=(-0.5, 2.6))
    ax.axis("off")
    triples = zip(names, offsets, ends, strict=True)
    said = [f"{name} starts at {start} and holds {end - start}" for name, start, end in triples]
    return show(
        fig,
        "All ids in one row. An offset is the position at which a bag starts; it ends where the next one starts.",
        f"A row of {len(values)} boxes, one an id, with an arrow where each bag starts. {'; '.join(said)}.",
    )


def parameter_shares(models):
    """Where the parameters are; `models` maps a label to a MicroDLRM."""
    fig, ax = canvas(height=0.6 * len(models) + 1.2)
    said = []
    for y, (label, model) in enumerate(models.items()):
        total, left, words = sum(p.numel() for p in model.parameters()), 0.0, []
        names, shades = ("users", "movies", "occupations", "genres"), (0.9, 0.65, 0.4, 0.25)
        parts = [(name, SPARSE, shade, table) for name, shade, table in zip(names, shades, model.emb_l, strict=False)]
        parts += [("bottom MLP", DENSE, 0.9, model.bot_l), ("top MLP", TOP, 0.9, model.top_l)]
        for name, colour, alpha, part in parts:
            share = sum(p.numel() for p in part.parameters()) / total
            ax.barh(y, share, left=left, color=colour, alpha=alpha, height=0.6)
            if share > 0.08:
                ax.text(left + share / 2, y, f"{name}\n{share:.0%}", ha="center", va="center", fontsize=10)
            left += share
            words.append(f"{name} {share:.1%}")
        said.append(f"{label}, {total:,} parameters: {', '.join(words)}")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (SPARSE, DENSE, TOP)]
    fig.legend(handles, ["embedding tables", "bottom MLP", "top MLP"], loc="outside upper center", ncols=3)
    ax.set(yticks=range(len(models)), yticklabels=models, xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    return show(fig, "Each part's share of the model's parameters.", f"Stacked bars. {'; '.join(said)}.")


def neighbours(table):
    """How much genre neighbours share, over what chance would give; index: ratings of the movie, one column a way."""
    fig, ax = canvas(height=3.0)
    said = []
    for (name, values), (line, fill) in zip(table.items(), (("o--", "none"), ("o-", SPARSE)), strict=True):
        ax.plot(range(len(values)), values, line, color=SPARSE, mfc=fill, label=name)
        said.append(f"{name}: " + ", ".join(f"{v:.2f} at {at}" for at, v in values.items()))
    ax.axhline(1, color=NEUTRAL, ls=":")
    ax.text(len(table) - 1, 1, "chance", ha="right", va="bottom")
    ax.set(xlabel="training ratings of the movie", ylabel="genres shared, ÷ chance")
    ax.set_xticks(range(len(table)), table.index)
    ax.legend(loc="upper left")
    return show(
        fig,
        "How much of their genres a movie and its ten nearest neighbours share, as a multiple of what movies drawn "
        "at random share with it.",
        f"A line chart over the number of ratings. {'; '.join(said)}.",
    )


# --- Chapter 3: the MLPs ---


def shares(parts):
    """Who holds the parameters and who does the FLOPs: shares of a forward pass, from a frame of `cost.parts`."""
    forward = parts.loc["forward"]
    groups = {
        "tables": (SPARSE, forward[forward.index.str.startswith("table")]),
        "bottom MLP": (DENSE, forward.loc[["bottom MLP"]]),
        "top MLP": (TOP, forward.loc[["top MLP"]]),
    }
    rows = {"parameters": "parameters held", "flops": "FLOPs done"}
    fig, ax = canvas(height=1.9)
    left, said = dict.fromkeys(rows, 0.0), {row: [] for row in rows}
    for name, (colour, own) in groups.items():
        for y, row in enumerate(rows):
            share = own[row].sum() / forward[row].sum()
            ax.barh(y, share, left=left[row], color=colour, height=0.6, label=None if y else name)
            if share > 0.06:
                ax.text(left[row] + share / 2, y, f"{share:.0%}", ha="center", va="center", color="#111111")
            left[row] += share
            said[row].append(f"{name} {share:.0%}")
    ax.set(yticks=range(len(rows)), yticklabels=rows.values(), xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    fig.legend(loc="outside upper center", ncols=3)
    return show(
        fig,
        "Who holds the parameters and who does the FLOPs of a forward pass.",
        f"Two stacked bars. {'; '.join(f'{rows[row]}: ' + ', '.join(said[row]) for row in rows)}.",
    )


def losses(z, loss, gradient):
    """Two ways to one loss: `loss` and `gradient` map a way's name to its values at the logits z."""
    fig, axes = canvas(columns=2, height=3.0)
    looks = ((NEUTRAL, "-", 4), (TOP, "--", 2))
    for ax, values, name in zip(axes, (loss, gradient), ("loss", "gradient of the loss"), strict=True):
        for (way, at), (colour, line, width) in zip(values.items(), looks, strict=True):
            ax.plot(z, at, line, color=colour, lw=width, label=way)
        ax.set(xlabel="logit of a row without a click", title=name)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return show(
        fig,
        "A model ever surer of a click that didn't happen: its loss, and the gradient that should pull it back.",
        "Two line charts over the logit. From logits, the loss grows as the logit does, and the gradient goes to 1 "
        "and stays. From probabilities, both agree up to about 16; then the loss jumps to 100 and the gradient "
        "falls to 0.",
    )


def batch_sizes(times):
    """Time per sample against batch size; `times` maps batch sizes to the Spread of a call, in seconds."""
    sizes = list(times)
    per = {b: times[b].into(lambda s, b=b: s / b * 1e6) for b in sizes}
    fig, ax = canvas()
    ax.fill_between(sizes, [per[b].low for b in sizes], [per[b].high for b in sizes], color=TOP, alpha=0.3, lw=0)
    ax.loglog(sizes, [per[b].median for b in sizes], "o-", color=TOP, ms=4, label="measured: median, quartiles")
    shared = [per[sizes[0]].median * sizes[0] / b for b in sizes]
    ax.loglog(sizes, shared, "--", color=NEUTRAL, label="if a batch took as long as one sample")
    ax.set(xlabel="batch size", ylabel="µs per sample")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xticks(sizes, [f"{b:,}" for b in sizes], rotation=45)
    ax.minorticks_off()
    ax.legend(loc="upper right")
    return show(
        fig,
        "Time per sample of the forward pass against the batch size, on this machine.",
        f"A line chart on logarithmic axes. Time per sample falls from {per[sizes[0]].median:.3g} µs at batch "
        f"{sizes[0]} along a straight line, then bends away, to {per[sizes[-1]].median:.3g} µs at {sizes[-1]:,}.",
    )


# --- Chapter 4: the interaction. Dot is drawn full, concat hollow or dashed. ---


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
                ax.add_patch(plt.Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, color=colour, alpha=alpha, lw=0))
                if kept:
                    ax.text(j, i, pairs.index((i, j)), ha="center", va="center", fontsize=13)
        ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal")
        ax.set_title(title, fontsize=11)
        ax.set_xticks(range(n), names, rotation=30)
        ax.set_yticks(range(n), names)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(False)
    said = [f"{title}: {', '.join(f'{names[i]} with {names[j]}' for i, j in pairs)}" for title, pairs in orders.items()]
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
            ax.semilogx(points.keys(), points.values(), look, color=INTERACTION, mfc=fill, lw=1.5, label=model)
            said.append(f"{rule}, {model}: " + ", ".join(f"{a:.2f} at {n:,}" for n, a in points.items()))
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
    """One point a seed and a bar at the median; `results` has the columns variant and the metrics."""
    order = list(dict.fromkeys(results["variant"]))
    fig, axes = canvas(columns=len(metrics), height=0.5 * len(order) + 1.1, sharey=True)
    said = []
    for ax, metric in zip(axes, metrics, strict=True):
        name = metric.upper() if metric == "auc" else metric
        for y, variant in enumerate(order):
            values = results.loc[results["variant"] == variant, metric]
            fill = INTERACTION if variant.startswith("dot") else "none"
            ax.plot(values, [y] * len(values), "o", color=INTERACTION, mfc=fill, alpha=0.8, ms=6)
            ax.plot([values.median()] * 2, [y - 0.3, y + 0.3], color=INTERACTION, lw=3)
            said.append(f"{variant}, {name}: {values.median():.4f}, from {values.min():.4f} to {values.max():.4f}")
        better = "lower is better" if metric == "logloss" else "higher is better"
        ax.set(xlabel=f"{name} ({better})", yticks=range(len(order)), yticklabels=order)
        ax.locator_params(axis="x", nbins=4)
    axes[0].invert_yaxis()
    return show(
        fig,
        "One point a seed, a bar at the median, on the test rows.",
        f"{len(metrics)} dot plots; median and range: {'; '.join(said)}.",
    )


# --- Chapter 5: the exercise ---


def interaction_score(score):
    """Bytes moved and time a call against the number of pairs, a line a function; `score` is the chapter's table."""
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
        f"Two line charts over the number of pairs, logarithmic axes. The loop rises most steeply. {'; '.join(said)}.",
    )


# --- Chapter 6: training. Training rows are grey, held-out rows in ink; our model is purple, its rivals grey. ---


def calibrations(tables):
    """What came against what was promised; `tables` maps a model's name to its `metrics.calibration`."""
    looks = (("o-", TOP, TOP), ("s--", NEUTRAL, "none"))
    fig, ax = canvas(height=3.8)
    said = []
    for (name, table), (line, colour, fill) in zip(tables.items(), looks, strict=False):
        ax.plot(table["promised"], table["came"], line, color=colour, mfc=fill, label=name)
        pairs = zip(table["promised"], table["came"], strict=True)
        said.append(f"{name}: " + ", ".join(f"{p:.2f} promised, {c:.2f} came" for p, c in pairs))
    ax.plot([0, 1], [0, 1], ":", color=_INK, lw=1, label="as promised")
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
    said = []
    for ax, (title, epochs) in zip(axes, runs.items(), strict=True):
        best = epochs["logloss"].idxmin()
        ax.plot(epochs["epoch"], epochs["training_logloss"], "--", color=NEUTRAL, label="training rows")
        ax.plot(epochs["epoch"], epochs["logloss"], "o-", color=_INK, ms=4, label="validation rows")
        kept = epochs["epoch"][best], epochs["logloss"][best]
        ax.plot(*kept, "o", color=_INK, mfc="none", ms=11, label="the epoch kept")
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
    )


def leads(table, better):
    """How far ahead a model is, by group; columns logloss, low, high, rows; `better` says who leads whom."""
    fig, ax = canvas(height=0.42 * len(table) + 1.1)
    said = []
    for y, (group, line) in enumerate(table.iterrows()):
        ax.plot([line["low"], line["high"]], [y, y], color=TOP, lw=2)
        ax.plot(line["logloss"], y, "o", color=TOP, ms=7)
        said.append(f"{group}: {line['logloss']:.3f}, from {line['low']:.3f} to {line['high']:.3f}")
    ax.axvline(0, color=NEUTRAL, ls=":")
    names = [f"{group} ({int(rows):,} rows)" for group, rows in table["rows"].items()]
    ax.set(yticks=range(len(table)), yticklabels=names, xlabel=f"logloss saved by {better}, nats")
    ax.invert_yaxis()
    return show(
        fig,
        "How much lower the logloss is, by group of test rows, with 95% intervals. Right of the dotted line is better.",
        f"A dot plot with intervals. {'; '.join(said)}.",
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
        ax.axhline(target, color=_INK, lw=0.8, ls=":")
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="CPU-seconds of training", ylabel="validation accuracy")
    fig.legend(loc="outside upper center", ncols=2)
    return show(
        fig,
        f"Accuracy on the validation rows against the time spent, a mark an epoch; targets dotted. {_machine()}",
        f"A line chart, time on a logarithmic axis. {'; '.join(said)}.",
    )


# --- Chapters 7 and 8: cost on paper, ceilings, time ---

_PARTS = {"table": SPARSE, "bottom": DENSE, "interaction": INTERACTION, "top": TOP}


def _colour(part):
    return next((colour for name, colour in _PARTS.items() if part.startswith(name)), NEUTRAL)


def _machine():
    return f"Measured on {hardware.machine()}."


def bars(times, title):
    """Horizontal bars of the medians in `times`, from `bench.compare`, with quartiles as whiskers."""
    names = list(times)
    unit, factor = ("ms", 1e3) if max(times[name].median for name in names) >= 1e-3 else ("µs", 1e6)
    fig, ax = canvas(height=0.42 * len(names) + 0.9)
    for y, name in enumerate(names):
        s = times[name]
        ax.barh(y, s.median * factor, height=0.6, color=NEUTRAL)
        ax.plot([s.low * factor, s.high * factor], [y, y], color=_INK, lw=1.5)
        ax.text(s.high * factor, y, f"  {s.median * factor:.3g}", va="center")
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=unit)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.12)
    said = "; ".join(f"{name} {bench.duration(times[name].median)}" for name in names)
    return show(fig, f"{title}: medians and quartiles. {_machine()}", f"Horizontal bars, one a variant: {said}.")


def on_paper(frame, batch):
    """Parameters, FLOPs and bytes of a forward pass as stacked shares; `frame` from `cost.parts`."""
    forward = frame.loc["forward"].drop(index="loss")
    rows = {"parameters": "parameters held", "flops": "FLOPs done", "bytes": "bytes moved"}
    groups = forward.groupby(
        [next((name for name in _PARTS if part.startswith(name)), part) for part in forward.index], sort=False
    )[list(rows)].sum()
    shares_of = groups / groups.sum()
    fig, ax = canvas(height=2.2)
    left, said = dict.fromkeys(rows, 0.0), {row: [] for row in rows}
    for part, share_by_row in shares_of.iterrows():
        label = {"table": "tables", "bottom": "bottom MLP", "top": "top MLP"}.get(part, part)
        for y, row in enumerate(rows):
            share = share_by_row[row]
            ax.barh(y, share, left=left[row], color=_PARTS[part], height=0.6, label=None if y else label)
            if share > 0.06:
                ax.text(left[row] + share / 2, y, f"{share:.0%}", ha="center", va="center")
            left[row] += share
            said[row].append(f"{label} {share:.0%}")
    ax.set(yticks=range(len(rows)), yticklabels=rows.values(), xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    fig.legend(loc="outside upper center", ncols=4)
    return show(
        fig,
        f"On paper: shares of the model's parameters, and of the FLOPs and bytes of a forward pass of {batch} rows.",
        f"Three stacked bars. {'; '.join(f'{rows[row]}: ' + ', '.join(said[row]) for row in rows)}.",
    )


def time_against_batch(times, predicted):
    """Seconds of a forward pass against batch size, measured (`times`: {batch: Spread}) and predicted."""
    sizes = list(times)
    fig, ax = canvas(height=3.6)
    ax.loglog(sizes, [predicted[b]["dispatch"].sum() for b in sizes], ":", color=NEUTRAL, label="dispatch")
    roof = [predicted[b][["compute", "memory"]].max(axis=1).sum() for b in sizes]
    ax.loglog(sizes, roof, "--", color=NEUTRAL, label="roofline: compute or memory")
    total = [predicted[b]["seconds"].sum() for b in sizes]
    ax.loglog(sizes, total, "-", color=NEUTRAL, lw=2, label="predicted: their sum")
    ax.fill_between(sizes, [times[b].low for b in sizes], [times[b].high for b in sizes], color=TOP, alpha=0.3, lw=0)
    ax.loglog(sizes, [times[b].median for b in sizes], "o-", color=TOP, label="measured")
    ax.set_xticks(sizes, [f"{b:,}" for b in sizes], rotation=45)
    ax.set_yticks([t for t in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1) if min(total) / 9 < t < 9 * max(total)])
    ax.yaxis.set_major_formatter(lambda seconds, _: bench.duration(seconds * (1 + 1e-9)))
    ax.set(xlabel="rows in the batch", ylabel="a forward pass", ylim=(min(total) / 3, None))
    ax.minorticks_off()
    ax.legend()
    said = ", ".join(f"{bench.duration(times[b].median)} at {b:,}" for b in sizes)
    return show(
        fig,
        f"Time of a forward pass of the seed model against the batch size. {_machine()}",
        "A line chart on logarithmic axes: flat at first, where dispatch rules, then a knee, then a rise in proportion "
        f"to the batch. Measured: {said}.",
    )


def roofline(ceilings, points, title="The roofline of this machine"):
    """Parts of models on the roofline. `points`: (label, part, intensity, GFLOP/s, marker) each."""
    lowest = min(0.05, *(x for _, _, x, _, _ in points)) / 2
    highest = max(1000, *(x for _, _, x, _, _ in points)) * 2
    peak, stream = ceilings.peak_gflops, ceilings.stream_gbs
    gather = ceilings.rates(64).gather_gbs
    fig, ax = canvas(height=4.4)
    xs = [lowest, ceilings.ridge, highest]
    ax.loglog(xs, [min(peak, stream * x) for x in xs], color=_INK, lw=2)
    ax.loglog([lowest, peak / gather], [gather * lowest, peak], "--", color=_INK, lw=1)
    ax.text(ceilings.ridge * 3, peak * 1.15, f"matrix product: {peak:.0f} GFLOP/s", ha="left", va="bottom")
    # Text along the slanted roofs would need the figure's final angle: it stands beside their feet instead.
    ax.annotate(f"stream: {stream:.0f} GB/s", (lowest * 3, stream * lowest * 3), (lowest * 1.3, stream * lowest * 30))
    ax.annotate(
        f"rows at random: {gather:.1f} GB/s", (lowest * 9, gather * lowest * 9), (lowest * 22, gather * lowest * 6)
    )
    ax.axvline(ceilings.ridge, color=_INK, lw=0.8, ls=":")
    ax.text(ceilings.ridge * 1.1, gather * lowest * 1.5, f"ridge: {ceilings.ridge:.1f}", va="bottom")
    for _, part, x, y, marker in points:
        ax.plot(x, y, marker, color=_colour(part), ms=9, mec=_INK, mew=0.6)
    ax.set(xlabel="intensity, FLOP per byte", ylabel="GFLOP/s", xlim=(lowest, highest))
    ax.set_ylim(top=peak * 3)
    look = dict(ls="", ms=9)
    shapes = {label: marker for label, _, _, _, marker in points}
    shapes = [plt.Line2D([], [], marker=m, color=NEUTRAL, mec=_INK, label=label, **look) for label, m in shapes.items()]
    colours = {part: _colour(part) for _, part, _, _, _ in points}
    colours = [plt.Line2D([], [], marker="s", color=c, label=part, **look) for part, c in colours.items()]
    # A legend fills its columns first: shapes in its upper row, colours in the lower.
    both = [handle for pair in itertools.zip_longest(shapes, colours) for handle in pair if handle]
    fig.legend(handles=both, loc="outside lower center", ncols=max(len(shapes), len(colours)), fontsize=10)
    said = "; ".join(f"{label}, {part}: {x:.2g} FLOP per byte, {y:.2g} GFLOP/s" for label, part, x, y, _ in points)
    return show(
        fig,
        f"{title}. Solid: what streaming and matrix products allow; dashed: what rows at random allow. {_machine()}",
        f"A roofline on logarithmic axes: a slanted roof of {stream:.0f} GB/s up to {ceilings.ridge:.1f} FLOP a byte, "
        f"then a flat one at {peak:.0f} GFLOP/s. Points: {said}.",
    )


def cliff(sizes, uniform, hot):
    """Nanoseconds a row against table size in bytes; `uniform` and `hot`: {size: Spread in ns}."""
    here = hardware.machine()
    fig, ax = canvas(height=3.4)
    for values, look, label in ((uniform, "o-", "any row"), (hot, "o--", "the same 1,024 rows again and again")):
        own = [b for b in sizes if b in values]
        ax.fill_between(own, [values[b].low for b in own], [values[b].high for b in own], color=SPARSE, alpha=0.3, lw=0)
        fill = None if look == "o-" else "none"
        ax.loglog(own, [values[b].median for b in own], look, color=SPARSE, mfc=fill, label=label)
    marked = [(name, n_bytes) for name, n_bytes in (("L1", here.l1), ("L2", here.l2), ("L3", here.l3)) if n_bytes]
    for name, n_bytes in marked:
        if sizes[0] / 2 <= n_bytes <= sizes[-1] * 2:
            ax.axvline(n_bytes, color=_INK, lw=0.8, ls=":")
            ax.text(n_bytes, 0.98, f" {name}", transform=ax.get_xaxis_transform(), va="top")
    ax.set_xticks(sizes, [hardware.size(b) for b in sizes], rotation=45, ha="right")
    low, high = ax.get_ylim()
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= t <= high]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="size of the table", ylabel="ns per row of 64 numbers")
    ax.legend(loc="center left")
    known = ", ".join(f"{name} {hardware.size(n_bytes)}" for name, n_bytes in marked) or "unknown here"
    said = ", ".join(f"{uniform[b].median:.3g} at {hardware.size(b)}" for b in sizes)
    return show(
        fig,
        f"The cost of a row against the size of its table; caches marked. {_machine()}",
        f"A line chart on logarithmic axes. Nanoseconds a row at random: {said}. With hot rows: "
        f"{', '.join(f'{s.median:.3g} at {hardware.size(b)}' for b, s in hot.items())}. Caches: {known}.",
    )


def operators(shares):
    """Shares of the time by operator: {name: (share, part)}, the largest first."""
    names = list(shares)
    fig, ax = canvas(height=0.36 * len(names) + 0.8)
    for y, name in enumerate(names):
        share, part = shares[name]
        ax.barh(y, share, height=0.65, color=_colour(part))
        ax.text(share, y, f"  {share:.0%}", va="center")
    ax.set(yticks=range(len(names)), yticklabels=names, xticks=[], xlabel="share of the time")
    ax.invert_yaxis()
    ax.grid(False)
    ax.margins(x=0.1)
    said = "; ".join(f"{name} {share:.0%}" for name, (share, _) in shares.items())
    return show(fig, f"Who takes the time, by torch.profiler. {_machine()}", f"Horizontal bars: {said}.")


def knobs(measured, predicted):
    """What each knob does to each model: {model: {knob: Spread or number}}, factors of the unturned time."""
    fig, axes = canvas(columns=len(measured), height=2.6, sharey=True)
    said = []
    for ax, (model, by_knob) in zip(axes, measured.items(), strict=True):
        names = list(by_knob)
        for y, knob in enumerate(names):
            s, paper = by_knob[knob], predicted[model][knob]
            ax.barh(y, s.median, height=0.5, color=NEUTRAL)
            ax.plot([s.low, s.high], [y, y], color=_INK, lw=1.5)
            ax.plot([paper, paper], [y - 0.4, y + 0.4], color=_INK, lw=3, solid_capstyle="butt")
            said.append(f"{model}, {knob}: measured {s.median:.2f}, predicted {paper:.2f}")
        ax.set(title=model, yticks=range(len(names)), yticklabels=names, xlabel="times as long")
        ax.axvline(1, color=_INK, lw=0.8, ls=":")
        ax.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    return show(
        fig,
        f"What a turn of each knob does to the time. Bars: measured, with quartiles; ticks: predicted. {_machine()}",
        f"{len(measured)} bar charts. {'; '.join(said)}.",
    )


def training_steps(rows, dense, sparse, paper_dense, paper_sparse):
    """Time of a training step against the table's rows: dense and sparse, measured and on paper (bytes / stream)."""
    fig, ax = canvas(height=3.4)
    for values, paper, look, label in (
        (dense, paper_dense, "o-", "dense gradient"),
        (sparse, paper_sparse, "s-", "sparse gradient"),
    ):
        fill = None if look == "o-" else "none"
        ax.fill_between(rows, [s.low for s in values], [s.high for s in values], color=SPARSE, alpha=0.3, lw=0)
        ax.loglog(rows, [s.median for s in values], look, color=SPARSE, mfc=fill, label=label)
        ax.loglog(rows, paper, ":" if look == "o-" else "--", color=NEUTRAL, label=f"on paper, {label.split()[0]}")
    ax.set_xticks(rows, [f"{r:,}" for r in rows], rotation=30)
    ax.set_yticks([t for t in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1) if min(paper_sparse) / 9 < t < 9 * dense[-1].high])
    ax.yaxis.set_major_formatter(lambda seconds, _: bench.duration(seconds * (1 + 1e-9)))
    ax.minorticks_off()
    ax.set(xlabel="rows in the table", ylabel="a training step")
    ax.legend()
    pairs = zip(rows, dense, sparse, strict=True)
    said = "; ".join(f"{r:,} rows: {bench.duration(d.median)} and {bench.duration(s.median)}" for r, d, s in pairs)
    return show(
        fig,
        f"A training step on one table of width 32, 1,024 lookups, with SGD, against its rows. {_machine()}",
        f"A line chart on logarithmic axes. Dense rises in proportion to the rows, sparse stays flat. {said}.",
    )


def gains(changes):
    """Chapter 8's balance: {change: (predicted, Spread)}, both in times as fast; 1 is no difference."""
    names = list(changes)
    fig, ax = canvas(height=0.33 * len(names) + 1.1)
    for y, (predicted, s) in enumerate(changes.values()):
        ax.plot([s.low, s.high], [y, y], color=TOP, lw=3, alpha=0.5)
        ax.plot(s.median, y, "o", color=TOP, ms=8, label="measured" if not y else None)
        ax.plot(predicted, y, "|", color=_INK, ms=14, mew=2.5, label="predicted" if not y else None)
    ax.axvline(1, color=_INK, lw=0.8, ls=":")
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    ticks = [m * 10.0**e for e in range(-3, 4) for m in steps if low <= m * 10.0**e <= high]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="times as fast")
    ax.invert_yaxis()
    fig.legend(loc="outside upper center", ncols=2)
    said = "; ".join(f"{name}: predicted {p:.2g}, measured {s.median:.2g}" for name, (p, s) in changes.items())
    return show(
        fig,
        f"What each change brought, predicted and measured; left of 1 it made things slower. {_machine()}",
        f"A dot plot on a logarithmic axis. {said}.",
    )
