"""Figures of chapter 2."""

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.manifold import TSNE

from microdlrm.figures.style import DENSE, INK, NEUTRAL, SPARSE, TOP, canvas, show


def bags(values, offsets, names):
    """The ids of some bags in one row, and where each bag starts; `names` labels the bags. Bag by bag to be stepped."""
    ends = [*offsets[1:], len(values)]
    points = {}
    fig, ax = canvas(height=1.7)
    starts = {start: [name for name, at in zip(names, offsets, strict=True) if at == start] for start in offsets}
    shade = 0
    for position, value in enumerate(values):
        shade += position in starts
        box = Rectangle((position, 0), 0.94, 1, fc=SPARSE, alpha=(0.25, 0.5)[shade % 2], lw=0, gid=f"part-{position}")
        ax.add_patch(box)
        ax.text(position + 0.47, 0.5, value, ha="center", va="center")
        ax.text(position + 0.47, -0.3, position, ha="center", va="center", fontsize=9, alpha=0.7)
    for start, here in starts.items():
        ax.annotate("", (start + 0.06, 1), (start + 0.06, 1.5), arrowprops=dict(arrowstyle="->", color=INK))
        for line, name in enumerate(reversed(here)):
            label = ax.text(start, 1.6 + 0.5 * line, f"{start}: {name}", ha="left", va="bottom")
            label.set_gid(f"bag-{names.index(name)}")
    ax.text(-0.15, 0.5, "ids", ha="right", va="center")
    ax.text(-0.15, -0.3, "position", ha="right", va="center", fontsize=9, alpha=0.7)
    ax.set(xlim=(-1.2, len(values) + 0.6), ylim=(-0.5, 2.6))
    ax.axis("off")
    triples = zip(names, offsets, ends, strict=True)
    said = [f"{name} starts at {start} and holds {end - start}" for name, start, end in triples]
    for bag, (name, start, end) in enumerate(zip(names, offsets, ends, strict=True)):
        until = f"the next starts at {end}" if bag + 1 < len(names) else f"the ids end at {end}"
        ids = ", ".join(map(str, values[start:end]))
        holds = f"ids {ids}" if ids else "no ids: its sum is a vector of zeros"
        points[f"bag-{bag}"] = f"{name}: starts at {start}, {until}: {holds}.", [f"part-{p}" for p in range(start, end)]
    return show(
        fig,
        "All ids in one row. An offset is the position at which a bag starts; it ends where the next one starts.",
        f"A row of {len(values)} boxes, one an id, with an arrow where each bag starts. {'; '.join(said)}.",
        points,
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
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in (SPARSE, DENSE, TOP)]
    fig.legend(handles, ["embedding tables", "bottom MLP", "top MLP"], loc="outside upper center", ncols=3)
    ax.set(yticks=range(len(models)), yticklabels=models, xlim=(0, 1), xticks=[])
    ax.invert_yaxis()
    ax.grid(False)
    return show(fig, "Each part's share of the model's parameters.", f"Stacked bars. {'; '.join(said)}.")


def neighbours(lifts):
    """How often neighbours are clicked by the same people; `lifts` maps a way to find them to a multiple of chance."""
    fig, ax = canvas(height=0.45 * len(lifts) + 1.0)
    ax.barh(range(len(lifts)), lifts, color=SPARSE, alpha=0.6, height=0.6)
    for y, value in enumerate(lifts):
        ax.text(value, y, f" {value:.2f}", va="center")
    ax.axvline(1, color=NEUTRAL, ls=":")
    ax.set(xlabel="clicks in common on held-out rows, ÷ films drawn by lot (dotted)", xlim=(0, 1.15 * max(lifts)))
    ax.set_yticks(range(len(lifts)), lifts.index)
    ax.invert_yaxis()
    said = ", ".join(f"{way} {value:.2f}" for way, value in lifts.items())
    return show(
        fig,
        "How often a well-known movie and its ten nearest neighbours are clicked by the same people on held-out rows, "
        "as a multiple of movies drawn by lot, as popular.",
        f"Bars, one for each way to find neighbours, in multiples of chance: {said}.",
    )


def film_map(titles, together, shown=100, neighbours=5):
    """The most clicked films on a plane, near where the same people clicked both.

    titles    (movies,) names
    together  (movies, movies): users who clicked both; on the diagonal, who clicked the one
    The plane is t-SNE's (van der Maaten and Hinton 2008), from 1 - cosine of two films' columns of clicks. Of the
    `shown` films, those bear their names that there is room for; each answers with its nearest and their counts.
    """
    films = np.argsort(-together.diagonal(), kind="stable")[:shown]
    counts = together[np.ix_(films, films)]
    clicks = counts.diagonal()
    cosine = counts / np.sqrt(np.outer(clicks, clicks))
    distance = np.clip(1 - cosine, 0, None)
    np.fill_diagonal(distance, 0)
    tsne = TSNE(metric="precomputed", init="random", perplexity=12, random_state=0)
    xy = tsne.fit_transform(distance)  # (shown, 2)
    fig, ax = canvas(height=5.6)
    points = {}
    for k, (film, (x, y)) in enumerate(zip(films, xy, strict=True)):
        ax.plot(x, y, "o", color=SPARSE, ms=7, alpha=0.75, mew=0, gid=f"film-{k}")
        name = ax.annotate(titles[film], (x, y), (6, 0), textcoords="offset points", fontsize=9, va="center")
        name.set_in_layout(False)  # or long names at the edge squeeze the plane
        near = [j for j in np.argsort(-cosine[k], kind="stable") if j != k][:neighbours]
        said = ", ".join(f"{titles[films[j]]} ({counts[k, j]:.0f})" for j in near)
        said = f"{titles[film]}, {clicks[k]:.0f} clicks; clicked with {said}."
        points[f"film-{k}"] = said, [f"film-{j}" for j in near]
    ax.margins(0.08, 0.04)
    ax.axis("off")
    _thin_out(fig, ax.texts)
    return show(
        fig,
        f"The {shown} most clicked films, near where the same people clicked both (t-SNE). Point at one: its nearest, "
        "and how many people clicked both. Only what lies close means anything, and a plane hasn't room for all "
        "neighbours: there are no axes, and distances between groups say nothing.",
        f"{shown} dots on a plane, one a film. " + " ".join(said for said, _ in [*points.values()][:5]),
        points,
    )


def _thin_out(fig, texts):
    """Remove the labels that would cover an earlier one, or leave the picture."""
    fig.draw_without_rendering()
    kept = []
    for text in list(texts):
        box = text.get_window_extent().padded(2)
        if box.x1 > fig.bbox.x1 or any(box.overlaps(other) for other in kept):
            text.remove()
        else:
            kept.append(box)
