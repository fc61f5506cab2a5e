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


def points(figure):
    """What each point says -> what belongs to it; each of which must be drawn, once."""
    found = {
        says: (point, others.split()) for point, says, others in re.findall(POINT, figure.data)
    }
    drawn = re.findall(r'data-point="([^"]+)"', figure.data)
    assert len(drawn) == len(set(drawn))
    assert {other for _, others in found.values() for other in others} <= set(drawn)
    assert figure.data.count("<title>") == len(found)
    return found


def test_a_film_says_who_clicked_both():
    draw = np.random.default_rng(0)
    clicked = draw.random((200, 40)) < np.linspace(0.6, 0.1, 40)  # (users, films)
    clicked[:, 7] = clicked[:, 3]  # the same people
    together = clicked.T.astype(int) @ clicked
    names = [f"film {k}." for k in range(40)]
    films = pd.DataFrame(dict(title=names, year=[1950, 1990, 1997, float("nan")] * 10))
    said = points(chapter2.film_map(films, together, shown=20, neighbours=2))
    assert len(said) == 20
    for words in said:
        name, clicks = re.match(r"(film \d+\.), (\d+) clicks", words).groups()
        own = clicked[:, names.index(name)]
        assert int(clicks) == own.sum()
        for other, count in re.findall(r"(film \d+\.) \((\d+)\)", words):
            assert int(count) == (own & clicked[:, names.index(other)]).sum()
    assert any(re.match(r"film 3\., \d+ clicks; clicked with film 7\.", words) for words in said)


def test_an_epoch_says_both_losses_and_whether_it_was_kept():
    one = pd.DataFrame(dict(epoch=[1, 2], training_logloss=[0.7, 0.4], logloss=[0.5, 0.6]))
    two = pd.DataFrame(dict(epoch=[1, 2], training_logloss=[0.3, 0.2], logloss=[0.9, 0.8]))
    assert points(chapter6.learning_curves({"one": one, "two": two})) == {
        f"{run}, epoch {epoch}{kept}: training rows {training}, validation rows {validation}.":
            (f"epoch-{at}", [f"part-{at}"])
        for run, epoch, kept, training, validation, at in [
            ("one", 1, ", the epoch kept", "0.700", "0.500", "0-0"),
            ("one", 2, "", "0.400", "0.600", "0-1"),
            ("two", 1, "", "0.300", "0.900", "1-0"),
            ("two", 2, ", the epoch kept", "0.200", "0.800", "1-1"),
        ]
    }  # fmt: skip


def test_an_interval_says_its_split_its_sign_and_its_ends():
    lines = [
        (1, "logloss", 0.02, -0.01, 0.03),
        (2, "logloss", -0.01, -0.02, 0.01),
        (1, "auc within users", 0.1, 0.05, 0.2),
        (2, "auc within users", -0.1, -0.2, -0.05),
    ]
    splits = pd.DataFrame(lines, columns=["split", "metric", "gain", "low", "high"])
    said = points(studies.leads(splits.assign(model="ours", over="theirs"), [("ours", "theirs")]))
    assert [re.findall(r"[+-]?\d[.\d]*\d|\d", words) for words in said] == [
        [str(split), *(f"{x:+.4f}" for x in numbers)] for split, _, *numbers in lines
    ]
    split_of = {point: words.split(",")[0] for words, (point, _) in said.items()}
    for point, (_, other) in said.values():  # its interval, and the same split in the other plot
        assert split_of[other] == split_of[point]
        assert other != point


def test_the_readmes_picture_says_what_paper_says():
    drawn = chapter3.shares(cost.parts(batch=256, **regimes.ORIGINAL), batch=256).data
    stored = (ROOT / "book/figures/held-and-moved.svg").read_text(encoding="utf-8")
    title = re.search("<title>([^<]+)</title>", stored)[1]
    assert re.search('aria-label="([^"]+)"', drawn)[1] == title


FIGURE = """
from microdlrm.figures import style
fig, ax = style.canvas()
ax.plot([1, 2]); ax.set_xlabel("a_b %"); ax.set_title("x")
print(style.show(fig, "caption", "alt").data)
"""


def test_figures_look_alike_whatever_the_matplotlibrc(tmp_path):
    (tmp_path / "mine").write_text("text.usetex: True\nfont.family: Nowhere\nlines.linewidth: 30\n")
    (tmp_path / "none").write_text("")
    drawn = []
    for name in ("mine", "none"):
        environment = os.environ | {"MATPLOTLIBRC": str(tmp_path / name)}
        command = [sys.executable, "-c", FIGURE]
        svg = subprocess.check_output(command, env=environment, text=True)
        drawn.append(re.sub("[0-9a-f]{10}", "", svg))  # random names of clip paths
    assert drawn[0] == drawn[1]
    assert "<svg" in drawn[0]
