"""A trained model to hand out: the films that many people rated, half-precision weights, and
nobody's own row.

What a page in a browser needs to answer for a reader that the model has never seen. A row of the
users' table is made of one person's ratings, so none is handed out: a film carries the sum over
everyone who rated it, and the model must have been trained without the users' ids.
"""

import base64

import numpy as np
import pandas as pd
import torch
from torch import nn

from microdlrm.clicks import SMOOTHING, THRESHOLD, Clicks, batches, labels, positions
from microdlrm.model import MicroDLRM
from microdlrm.movielens import GENRES, MovieLens

AT_LEAST = 100  # people: a sum over fewer would say more of each
FEATURES = ("movie", "occupation", "genres", "who rated the movie", "what the user rated")


def well_known(data: MovieLens, train: np.ndarray, at_least: int = AT_LEAST) -> np.ndarray:
    """The movies with at least so many ratings among the rows `train`: (F,) positions, in order."""
    return np.flatnonzero(
        np.bincount(positions(data)[1][train], minlength=len(data.movies)) >= at_least
    )


@torch.no_grad()
def portable(
    model: MicroDLRM, clicks: Clicks, data: MovieLens, train: np.ndarray, films: np.ndarray
) -> MicroDLRM:
    """The same model of `films` (F,) alone, in weights that float16 can hold; movies are numbered
    as in `films`.

    "who rated the movie" is one row a film, summed here, in place of a bag of users: the result has
    the tables movie (F rows), occupation, genre and raters (F rows), and gives what `model` gives
    on rows that aren't in `train`.

    Raises ValueError unless `clicks` has exactly the features of `FEATURES`, no users' ids among
    them.
    """
    if (names := tuple(feature.name for feature in clicks.sparse)) != FEATURES:
        raise ValueError(
            f"a model to hand out reads {', '.join(FEATURES)}, in this order; these clicks have "
            f"{', '.join(names)}: leave the users' ids out, and add genres and histories"
        )
    movie = positions(data)[1]
    # A rating of each film outside `train`: it looks into the film's whole bag.
    held_out = np.delete(np.arange(len(movie)), train)
    held_out = pd.Series(held_out).groupby(movie[held_out]).first()
    movies, occupations, genres, users = model.emb_l
    raters = clicks.sparse[FEATURES.index("who rated the movie")]
    summed = users(*raters.take(torch.tensor(held_out[films].to_numpy())))  # (F, m_spa)
    movies, occupations, genres = (table.weight for table in (movies, occupations, genres))
    small = MicroDLRM(
        **model.shape | dict(num_embeddings=(len(films), len(occupations), len(genres), len(films)))
    )
    for table, rows in zip(small.emb_l, (movies[films], occupations, genres, summed), strict=True):
        table.weight.copy_(rows)
    small.bot_l.load_state_dict(model.bot_l.state_dict())
    small.top_l.load_state_dict(model.top_l.state_dict())
    return small.half().float()


@torch.no_grad()
def predict(small: MicroDLRM, clicks: Clicks, rows: np.ndarray, films: np.ndarray) -> np.ndarray:
    """`training.predict` for a `portable` model: click probabilities of `rows` (B,), whose movies
    are among `films`.

    The histories of `clicks` hold these films alone. Raises IndexError for any other film.
    """
    number = torch.full((clicks.tables["movie"],), -1)
    number[films] = torch.arange(len(films))
    (batch,) = batches(clicks, rows, len(rows))
    dense_x, (movie, occupation, genres, _, rated), offsets, weights = batch.inputs
    ids = [number[movie], occupation, genres, number[movie], number[rated]]
    # The film's raters are one row now.
    offsets = [*offsets[:3], offsets[0], offsets[4]]
    weights = [*weights[:3], None, weights[4]]
    return small(dense_x, ids, offsets, weights)[:, 0].double().numpy()  # (B,)


def contents(
    models: dict[str, MicroDLRM],
    clicks: Clicks,
    data: MovieLens,
    train: np.ndarray,
    films: np.ndarray,
) -> dict:
    """All that a page needs, ready for JSON: `models` are `portable`, of one shape but for the
    interaction.

    Of the ratings it holds sums: of each film their number, their stars and their clicks, and the
    overall means.
    """
    movie = positions(data)[1][train]
    rating = data.ratings["rating"].to_numpy()[train].astype(float)
    click = labels(data)[train].astype(float)
    count, stars, clicked = (
        np.bincount(movie, weights)[films] for weights in (None, rating, click)
    )
    movies = data.movies.iloc[films]
    years = movies["year"].fillna(data.movies["year"].median())
    shift, scale = clicks.scale.tolist()
    shape = next(iter(models.values())).shape
    return dict(
        shape=dict(
            # What it costs is what the whole model costs: this many rows, not only those handed
            # out.
            {key: shape[key] for key in ("m_spa", "ln_bot", "ln_top", "reads")},
            num_embeddings=clicks.num_embeddings,
        ),
        tables=list(clicks.tables),
        features=["dense", *FEATURES],
        dense=dict(names=clicks.dense_names, shift=shift, scale=scale),
        smoothing=SMOOTHING,
        threshold=THRESHOLD,
        mean_stars=rating.mean(),
        click_rate=click.mean(),
        occupations=sorted(data.users["occupation"].unique()),
        genres=GENRES,
        films=[
            dict(id=int(i), title=title, year=int(year), raters=int(n),
                 genres=[GENRES.index(g) for g in own], stars=int(s), clicks=int(c))
            for i, title, year, own, n, s, c in zip(
                films, movies["title"], years, movies["genres"], count, stars, clicked, strict=True
            )
        ],
        weights={name: _packed(model) for name, model in models.items()},
    )  # fmt: skip


def _packed(model: MicroDLRM) -> str:
    """All weights one after another, little-endian float16, in base64: the tables, then W and b of
    each layer.
    """
    layers = [
        layer for mlp in (model.bot_l, model.top_l) for layer in mlp if isinstance(layer, nn.Linear)
    ]
    parts = [table.weight for table in model.emb_l] + [
        part for layer in layers for part in (layer.weight, layer.bias)
    ]
    flat = torch.cat([part.detach().flatten() for part in parts])
    return base64.b64encode(flat.numpy().astype("<f2").tobytes()).decode()
