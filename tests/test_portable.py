"""A model to hand out carries nobody's row. (That it answers as the whole one does, book/model.md
asserts.)
"""

import base64
import json

import numpy as np
import portable
import pytest
import torch

from microdlrm import MicroDLRM, clicks, training
from microdlrm.histories import histories


@pytest.fixture(scope="module")
def films(data, split):
    return portable.well_known(data, split.train)


@pytest.fixture(scope="module")
def narrow(data, split, prepared, films):
    """Clicks without users' ids, whose histories hold well-known films alone."""
    here = np.isin(clicks.positions(data)[1], films)
    own = histories(data, split.train[here[split.train]])
    return prepared.add(clicks.genres(data), *own).without("user")


def model_of(narrow):
    """Untrained, with rows large enough to matter."""
    torch.manual_seed(0)
    shape = training.RECIPES["dot"][0] | dict(init=0.3, interaction="dot")
    return MicroDLRM(num_embeddings=narrow.num_embeddings, reads=narrow.reads, **shape)


def test_it_carries_sums_over_many_people_and_nobodys_row(data, split, narrow, films):
    whole = model_of(narrow)
    small = portable.portable(whole, narrow, data, split.train, films)
    page = portable.contents({"dot": small}, narrow, data, split.train, films)
    of_users = whole.emb_l[list(narrow.tables).index("user")].weight  # (943, m_spa)
    packed = np.frombuffer(base64.b64decode(page["weights"]["dot"]), "<f2")
    assert len(packed) == sum(p.numel() for p in small.parameters())
    kept = {row.tobytes() for row in of_users.detach().numpy().astype("<f2")}
    windows = np.lib.stride_tricks.sliding_window_view(packed, of_users.shape[1])
    assert not kept & {window.tobytes() for window in windows}
    train = data.ratings.iloc[split.train]
    for film in page["films"]:
        of_film = train[train["item_id"] == film["id"] + 1]["rating"]
        assert film["raters"] == len(of_film) >= portable.AT_LEAST
        assert (film["stars"], film["clicks"]) == (of_film.sum(), (of_film >= 4).sum())
    json.dumps(page)


def test_a_model_that_read_users_ids_is_not_handed_out(data, split, prepared, films):
    with_ids = prepared.add(clicks.genres(data), *histories(data, split.train))
    model = model_of(with_ids)
    with pytest.raises(ValueError, match="leave the users' ids out"):
        portable.portable(model, with_ids, data, split.train, films)
