"""Figures of chapter 1. Training rows are grey, test rows in ink."""

import numpy as np
from matplotlib.patches import Rectangle

from microdlrm.figures.style import DENSE, INK, NEUTRAL, SPARSE, canvas, legend_above, rows, show


def corner(data, users=6, films=8, seed=3):
    """The stars of a few users for the most rated films; the last user's last is a "?"."""
    busiest = data.ratings["item_id"].value_counts().index[:films]
    stars = data.ratings.pivot(index="user_id", columns="item_id", values="rating")[busiest]
    stars = stars[stars.notna().sum(axis="columns").between(3, 6)].sample(users, random_state=seed)
    titles = data.movies.set_index("item_id").loc[busiest, "title"].tolist()
    people = data.users.set_index("user_id").loc[stars.index]
    people = [f"{one.occupation}, {one.age}" for one in people.itertuples()]
    fig, ax = canvas(height=3.4)
    said, points = [], {}
    for y, (person, row) in enumerate(zip(people, stars.to_numpy(), strict=True)):
        shown = {x: f"{value:.0f}" for x, value in enumerate(row) if value > 0}
        if y == users - 1:
            asked = max(shown)
            points["asked"] = f"{titles[asked]} got {shown[asked]}.", []
            shown[asked] = "?"
        for x, text in shown.items():
            look = dict(fc=NEUTRAL, alpha=0.25, lw=0) if text != "?" else dict(fc="none", ec=INK)
            ax.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, **look))
            ax.text(x, y, text, ha="center", va="center", gid="asked" if text == "?" else None)
        said.append(f"{person}: {', '.join(f'{titles[x]} {text}' for x, text in shown.items())}")
    ax.set(xlim=(-0.5, films - 0.5), ylim=(users - 0.5, -0.5))
    ax.set_xticks(range(films), titles, rotation=25, ha="left")
    ax.set_yticks(range(users), people)
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return show(
        fig,
        f"{users} people, the {films} films that were rated most, and the stars that were given. "
        "Empty: not rated. What belongs in the place of the question mark? Guess, then point at "
        "it.",
        f"A table of stars, partly empty. {'; '.join(said)}.",
        points,
    )


def long_tail(ratings):
    """Ratings of each user and each movie, the busiest first, of a frame with user_id, item_id."""
    fig, axes = canvas(columns=2, height=2.9)
    said = []
    for ax, column, name in zip(axes, ("user_id", "item_id"), ("users", "movies"), strict=True):
        counts = ratings[column].value_counts().to_numpy()
        n, middle = len(counts), counts[len(counts) // 2]
        steps, starts = np.unique(-counts, return_index=True)  # as many as there are counts
        ax.stairs(-steps, [*starts, n], baseline=0.7, fill=True, color=SPARSE, alpha=0.3)
        ax.stairs(-steps, [*starts, n], baseline=None, color=SPARSE, lw=1.5)
        ax.set(yscale="log", ylim=(0.7, 1000), xlim=(1, n), xlabel=f"{name}, the busiest first")
        ax.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        ax.axvline(n / 2, color=NEUTRAL, ls=":")
        ax.text(n * 0.53, middle * 1.3, f"the middle one: {middle}")
        ends = f"{counts[0]} ratings, {middle} in the middle, {counts[-1]} at last"
        said.append(f"{n:,} {name}: {ends}")
    axes[0].set_ylabel("ratings")
    return show(
        fig,
        "How many ratings each user gave and each movie got. The vertical axis is logarithmic.",
        f"Two falling curves, the movies' far lower, on a logarithmic axis. {'; '.join(said)}.",
    )


def splits(ratings, by_name, users=50, seed=0):
    """When some users rated, and on what each split tests; `by_name` maps a name to a Split."""
    chosen = ratings.drop_duplicates("user_id")["user_id"].sample(users, random_state=seed)
    some = ratings[ratings["user_id"].isin(chosen)]
    row = some.groupby("user_id")["timestamp"].min().rank(method="first")
    # One mark for what a user rated within a week: ratings within minutes would print as one.
    days = (some["timestamp"] - ratings["timestamp"].min()) / 86400
    place = some.assign(week=(days // 7).astype(int), y=some["user_id"].map(row))
    fig, axes = canvas(columns=len(by_name), height=3.6, sharey=True)
    said = []
    for ax, (name, split) in zip(axes, by_name.items(), strict=True):
        tested = place.assign(tested=place.index.isin(split.test))
        marks = tested.groupby(["y", "week"])["tested"].mean().reset_index()
        look = dict(c=NEUTRAL, alpha=0.5, marker="s", lw=0, label="training or validation")
        ax.scatter(marks["week"], marks["y"], s=30, **look)
        marks = marks[marks["tested"] > 0]
        look = dict(c=INK, lw=0, label="test")
        ax.scatter(marks["week"], marks["y"], s=24 * marks["tested"], **look)
        ax.set(title=name, xlabel="week", yticks=[])
        ax.grid(False)
        mixed = (tested.groupby("user_id")["tested"].nunique() == 2).sum()
        said.append(f"{name}: {mixed} of these users have ratings on both sides")
    axes[0].set_ylabel(f"{users} users, the newest on top")
    legend_above(fig)
    return show(
        fig,
        "Who rated when: one line a user, one square a week with ratings. A dot's area is the "
        "share of them that is tested on.",
        f"{len(by_name)} panels with the same marks, users over weeks, along a rising diagonal: "
        f"most users rate in one week only. {'; '.join(said)}.",
    )


def leaks(results):
    """Accuracy with the leak and without; `results` has the columns split, features, accuracy."""
    order = results["split"].unique()
    looks = (
        ("leaky", -0.13, "none", "statistics of all ratings"),
        ("honest", 0.13, DENSE, "of the training rows only"),
    )
    fig, ax = canvas(height=0.55 * len(order) + 1.2)
    said = []
    for features, shift, fill, label in looks:
        chosen = results[results["features"] == features]
        y = [list(order).index(split) + shift for split in chosen["split"]]
        look = dict(color=DENSE, mfc=fill, ms=7, alpha=0.8, label=label)
        ax.plot(chosen["accuracy"], y, "o", **look)
        for split, values in chosen.groupby("split", sort=False)["accuracy"]:
            said.append(f"{split}, {label}: {values.min():.3f} to {values.max():.3f}")
    ax.set(xlabel="accuracy on the test rows", ylim=(-0.5, len(order) - 0.5))
    rows(ax, order)
    legend_above(fig)
    return show(
        fig,
        "The same model with two versions of its features, on three splits; one point a seed.",
        f"A dot plot. {'; '.join(said)}.",
    )
