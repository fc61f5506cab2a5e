"""Figures of chapter 2."""

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
from sklearn.manifold import TSNE

from microdlrm.clicks import labels, positions
from microdlrm.figures import style
from microdlrm.figures.style import DENSE, INK, SPARSE, TOP, canvas, show


def bags(values, offsets, names):
    """The ids of some bags in one row, and where each bag starts; `names` labels the bags."""
    ends = [*offsets[1:], len(values)]
    starts = sorted(set(offsets))
    fig, ax = canvas(height=1.7)
    for position, value in enumerate(values):
        alpha = (0.5, 0.25)[sum(start <= position for start in starts) % 2]
        look = dict(fc=SPARSE, alpha=alpha, lw=0, gid=f"part-{position}")
        ax.add_patch(Rectangle((position, 0), 0.94, 1, **look))
        ax.text(position + 0.47, 0.5, value, ha="center", va="center")
        ax.text(position + 0.47, -0.3, position, ha="center", va="center", fontsize=9, alpha=0.7)
    for start in starts:
        arrow = dict(arrowstyle="->", color=INK)
        ax.annotate("", (start + 0.06, 1), (start + 0.06, 1.5), arrowprops=arrow)
    said, points = [], {}
    for bag, (name, start, end) in enumerate(zip(names, offsets, ends, strict=True)):
        line = offsets[bag + 1 :].count(start)  # of several that start here, the last stands lowest
        ax.text(start, 1.6 + 0.5 * line, f"{start}: {name}", va="bottom", gid=f"bag-{bag}")
        until = f"the next starts at {end}" if bag + 1 < len(names) else f"the ids end at {end}"
        ids = ", ".join(map(str, values[start:end]))
        holds = f"ids {ids}" if ids else "no ids: its sum is a vector of zeros"
        says = f"{name}: starts at {start}, {until}: {holds}."
        points[f"bag-{bag}"] = says, [f"part-{p}" for p in range(start, end)]
        said.append(f"{name} starts at {start} and holds {end - start}")
    ax.text(-0.15, 0.5, "ids", ha="right", va="center")
    ax.text(-0.15, -0.3, "position", ha="right", va="center", fontsize=9, alpha=0.7)
    ax.set(xlim=(-1.2, len(values) + 0.6), ylim=(-0.5, 2.6))
    ax.axis("off")
    return show(
        fig,
        "All ids in one row. An offset is the position at which a bag starts. It ends where the "
        "next one starts.",
        f"A row of {len(values)} boxes, one an id; an arrow where each bag starts. "
        f"{'; '.join(said)}.",
        points,
    )


def parameter_shares(models):
    """Where the parameters are; `models` maps a label to a MicroDLRM."""
    names, held = ("users", "movies", "occupations", "genres"), {}
    for label, model in models.items():
        parts = dict(zip(names, model.emb_l, strict=False))
        parts |= {"bottom MLP": model.bot_l, "top MLP": model.top_l}
        sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
        held[f"{label}, {sum(sizes.values()):,} parameters"] = sizes
    held = pd.DataFrame(held).T[[*names, "bottom MLP", "top MLP"]]
    shares = held.div(held.sum(axis=1), axis=0)
    fig, ax = canvas(height=0.6 * len(models) + 1.2)
    # Pale, so that labels are legible in light and dark.
    tables = [(SPARSE, alpha) for alpha in (0.6, 0.45, 0.3, 0.2)]
    colours, bars = [*tables, DENSE, TOP], shares.fillna(0).set_axis(list(models))
    style.stacked(ax, bars, colours, "{}\n{:.0%}", 0.08)
    ax.set(xlim=(0, 1), xticks=[])
    return show(
        fig,
        "Each part's share of the model's parameters.",
        f"Stacked bars. {style.words(shares, '{} {:.1%}')}.",
    )


def together(data, rows):
    """How many users clicked both of two films in these rows: (movies, movies)."""
    user, movie = positions(data)
    clicked = np.zeros((len(data.users), len(data.movies)), dtype=np.float32)
    clicked[user[rows], movie[rows]] = labels(data)[rows]
    return clicked.T @ clicked


def film_map(movies, counts, shown=100, neighbours=5):
    """The most clicked films on a plane, near where the same people clicked both.

    movies  a frame with the columns title and year
    counts  (movies, movies): users who clicked both, as `together` counts them
    The plane is t-SNE's (van der Maaten and Hinton 2008), from 1 - cosine of two films' columns of
    clicks. Names stand where there is room; each film answers with its nearest and their counts.
    """
    films = np.argsort(-counts.diagonal(), kind="stable")[:shown]
    titles, years = (movies[column].to_numpy()[films] for column in ("title", "year"))
    counts = counts[np.ix_(films, films)]
    clicks = counts.diagonal()
    cosine = counts / np.sqrt(np.outer(clicks, clicks))
    distance = np.clip(1 - cosine, 0, None)
    tsne = TSNE(metric="precomputed", init="random", perplexity=12, random_state=0)
    xy = tsne.fit_transform(distance)  # (shown, 2)
    fig, ax = canvas(height=5.8)
    points = {}
    for k, (x, y) in enumerate(xy):
        new = years[k] > 1995
        look = dict(mfc=(SPARSE, 0.75 if new else 0.1), mec=SPARSE, ms=7, gid=f"film-{k}")
        label = "1996 and later, new when they were rated" if new else "older"
        ax.plot(x, y, "o", label=label, **look)
        beside = dict(xytext=(6, 0), textcoords="offset points", fontsize=9, va="center")
        name = ax.annotate(titles[k], (x, y), **beside)
        name.set_in_layout(False)  # or long names at the edge squeeze the plane
        near = [j for j in np.argsort(-cosine[k], kind="stable") if j != k][:neighbours]
        said = ", ".join(f"{titles[j]} ({counts[k, j]:.0f})" for j in near)
        says = f"{titles[k]}, {clicks[k]:.0f} clicks; clicked with {said}."
        points[f"film-{k}"] = says, [f"film-{j}" for j in near]
    ax.margins(0.08, 0.04)
    ax.axis("off")
    _thin_out(fig, ax.texts)
    style.legend_above(fig)
    return show(
        fig,
        f"The {shown} most clicked films, near where the same people clicked both (t-SNE). Point "
        "at one: its nearest, and how many people clicked both. Only what lies close means "
        "anything; distances between groups say nothing.",
        f"{shown} dots on a plane, one a film. "
        + " ".join(said for said, _ in [*points.values()][:5]),
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
