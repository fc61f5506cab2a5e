"""What the figures' points say is what was measured: the film map against a count by hand."""

import re

import numpy as np

from microdlrm.figures import embeddings


def test_a_film_says_who_clicked_both():
    draw = np.random.default_rng(0)
    clicked = draw.random((200, 40)) < np.linspace(0.6, 0.1, 40)  # (users, films), the first the most clicked
    clicked[:, 7] = clicked[:, 3]  # the same people
    together = clicked.T.astype(int) @ clicked
    names = [f"film {k}." for k in range(40)]
    svg = embeddings.film_map(names, together, shown=20, neighbours=2).data
    said = dict(re.findall(r'data-says="(film \d+\.), ([^"]+)"', svg))
    assert len(said) == svg.count("<title>") == 20
    for name, words in said.items():
        own = clicked[:, names.index(name)]
        assert words.startswith(f"{own.sum()} clicks; ")
        for other, count in re.findall(r"(film \d+\.) \((\d+)\)", words):
            assert int(count) == (own & clicked[:, names.index(other)]).sum()
    assert said["film 3."].startswith(f"{clicked[:, 3].sum()} clicks; clicked with film 7.")


def test_a_bag_says_where_it_starts_and_what_it_holds():
    svg = embeddings.bags([2, 3, 7], [0, 2, 2], ["a", "b", "c"]).data
    said = re.findall(r'data-says="([^"]+)" data-with="([^"]*)"', svg)
    assert sorted(said) == [
        ("a: starts at 0, the next starts at 2: ids 2, 3.", "part-0 part-1"),
        ("b: starts at 2, the next starts at 2: no ids: its sum is a vector of zeros.", ""),
        ("c: starts at 2, the ids end at 3: ids 7.", "part-2"),
    ]
    assert svg.count('data-point="part-') == 3
