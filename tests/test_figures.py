"""What the figures' points say is what was measured; what belongs to a point is in the picture."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from microdlrm.figures import chapter2, chapter3, chapter6, studies
from microdlrm.machine import cost, regimes

ROOT = Path(__file__).resolve().parent.parent

POINT = r'data-point="([^"]+)" data-says="([^"]+)" data-with="([^"]*)"'


def test_a_film_says_who_clicked_both():
    draw = np.random.default_rng(0)
    clicked = draw.random((200, 40)) < np.linspace(
        0.6, 0.1, 40
    )  # (users, films), the first the most clicked
    clicked[:, 7] = clicked[:, 3]  # the same people
    together = clicked.T.astype(int) @ clicked
    names = [f"film {k}." for k in range(40)]
    films = pd.DataFrame(dict(title=names, year=[1950, 1990, 1997, float("nan")] * 10))
    svg = chapter2.film_map(films, together, shown=20, neighbours=2).data
    said = dict(re.findall(r'data-says="(film \d+\.), ([^"]+)"', svg))
    assert len(said) == svg.count("<title>") == 20
    for name, words in said.items():
        own = clicked[:, names.index(name)]
        assert words.startswith(f"{own.sum()} clicks; ")
        for other, count in re.findall(r"(film \d+\.) \((\d+)\)", words):
            assert int(count) == (own & clicked[:, names.index(other)]).sum()
    assert said["film 3."].startswith(f"{clicked[:, 3].sum()} clicks; clicked with film 7.")


def test_a_bag_says_where_it_starts_and_what_it_holds():
    svg = chapter2.bags([2, 3, 7], [0, 2, 2], ["a", "b", "c"]).data
    said = re.findall(r'data-says="([^"]+)" data-with="([^"]*)"', svg)
    assert sorted(said) == [
        ("a: starts at 0, the next starts at 2: ids 2, 3.", "part-0 part-1"),
        ("b: starts at 2, the next starts at 2: no ids: its sum is a vector of zeros.", ""),
        ("c: starts at 2, the ids end at 3: ids 7.", "part-2"),
    ]
    assert svg.count('data-point="part-') == 3


def points(svg):
    """Point -> what it says and what belongs to it; each of which must be drawn, once."""
    found = {point: (says, others.split()) for point, says, others in re.findall(POINT, svg)}
    drawn = re.findall(r'data-point="([^"]+)"', svg)
    assert len(drawn) == len(set(drawn))
    assert {other for _, others in found.values() for other in others} <= set(drawn)
    return found


def test_an_epoch_says_both_losses_and_whether_it_was_kept():
    one = pd.DataFrame(dict(epoch=[1, 2], training_logloss=[0.7, 0.4], logloss=[0.5, 0.6]))
    two = pd.DataFrame(dict(epoch=[1, 2], training_logloss=[0.3, 0.2], logloss=[0.9, 0.8]))
    said = points(chapter6.learning_curves({"one": one, "two": two}).data)
    assert said == {
        "epoch-0-0": (
            "one, epoch 1, the epoch kept: training rows 0.700, validation rows 0.500.",
            ["part-0-0"],
        ),
        "epoch-0-1": ("one, epoch 2: training rows 0.400, validation rows 0.600.", ["part-0-1"]),
        "epoch-1-0": ("two, epoch 1: training rows 0.300, validation rows 0.900.", ["part-1-0"]),
        "epoch-1-1": (
            "two, epoch 2, the epoch kept: training rows 0.200, validation rows 0.800.",
            ["part-1-1"],
        ),
    }


def test_an_interval_says_its_split_its_sign_and_its_ends():
    key = dict(model="ours", over="theirs")
    splits = pd.DataFrame(
        [
            dict(split=1, metric="logloss", gain=0.02, low=-0.01, high=0.03, **key),
            dict(split=2, metric="logloss", gain=-0.01, low=-0.02, high=0.01, **key),
            dict(split=1, metric="auc within users", gain=0.1, low=0.05, high=0.2, **key),
            dict(split=2, metric="auc within users", gain=-0.1, low=-0.2, high=-0.05, **key),
        ]
    )
    said = points(studies.leads(splits, [("ours", "theirs")]).data)
    assert {says.removeprefix("Split ") for says, _ in said.values()} == {
        "1, ours over theirs, logloss saved, nats: +0.0200, from -0.0100 to +0.0300.",
        "2, ours over theirs, logloss saved, nats: -0.0100, from -0.0200 to +0.0100.",
        "1, ours over theirs, AUC within users gained: +0.1000, from +0.0500 to +0.2000.",
        "2, ours over theirs, AUC within users gained: -0.1000, from -0.2000 to -0.0500.",
    }
    for says, (_, elsewhere) in said.values():
        assert said[elsewhere][0].split(",")[0] == says.split(",")[0]
        assert said[elsewhere][0] != says


def test_the_readmes_picture_says_what_paper_says():
    drawn = chapter3.shares(cost.parts(batch=256, **regimes.ORIGINAL), batch=256).data
    stored = (ROOT / "book/figures/held-and-moved.svg").read_text(encoding="utf-8")
    assert (
        re.search('aria-label="([^"]+)"', drawn)[1]
        == re.search("<title>([^<]+)</title>", stored)[1]
    )


FIGURE = """
from microdlrm.figures import style
fig, ax = style.canvas()
ax.plot([1, 2]); ax.set_xlabel("a_b %"); ax.set_title("x")
print(style.show(fig, "caption", "alt").data)
"""


def test_figures_look_alike_whatever_the_matplotlibrc(tmp_path):
    (tmp_path / "mine").write_text("text.usetex: True\nfont.family: Nowhere\nlines.linewidth: 30\n")
    (tmp_path / "none").write_text("")
    drawn = set()
    for name in ("mine", "none"):
        environment = os.environ | {"MATPLOTLIBRC": str(tmp_path / name)}
        command = [sys.executable, "-c", FIGURE]
        svg = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout
        drawn.add(re.sub("[0-9a-f]{10}", "", svg))  # random names of clip paths
    assert len(drawn) == 1
    assert "<svg" in drawn.pop()
