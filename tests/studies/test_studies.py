"""The stored studies: aggregates, which the chapters' pages read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from microdlrm import __main__, studies
from microdlrm.model import dot_interaction
from microdlrm.studies import chapter4, chapter6, store

ROOT = Path(__file__).resolve().parent.parent.parent

ELSEWHERE = {"scale"}  # needs TorchRec: `make scale` measures it anew


def test_each_study_has_its_result():
    assert set(store.STUDIES) == {path.stem for path in store.FOLDER.glob("*.json")} - ELSEWHERE


def test_a_part_measured_anew_comes_to_the_same():
    """The rest takes hours: `python -m microdlrm study NAME`, after a change of the model."""
    stored = store.load("rivals").query("model == 'item-kNN' and k == 20 and shrink == 100").iloc[0]
    anew = chapter4.one_knn(20, 100)
    # other matrix products round otherwise: some rows change a neighbour
    assert anew["logloss"] == pytest.approx(stored["logloss"], abs=1e-3)


def test_platts_step_mends_what_was_promised_too_surely():
    draw = np.random.default_rng(0)
    logit = draw.normal(size=40_000)
    y = draw.random(len(logit)) < 1 / (1 + np.exp(-logit))
    boast = 1 / (1 + np.exp(-3 * logit - 1))
    mended = chapter6.platt(boast[:20_000], y[:20_000], boast[20_000:])
    assert np.abs(mended - 1 / (1 + np.exp(-logit[20_000:]))).max() < 0.02


def test_the_product_that_is_left_out_is_of_the_film_and_what_was_rated():
    x_sparse = [torch.tensor([[float(prime), 0.0]]) for prime in (2, 3, 5, 7, 11, 13)]
    given = torch.zeros(1, 2), x_sparse
    whole = dot_interaction(*given)[0].tolist()
    without = chapter6.without_a_product(*given)[0].tolist()
    assert without == [value for value in whole if value != 3.0 * 13.0]
    assert len(without) == len(whole) - 1


@pytest.mark.parametrize("name", [*store.STUDIES, *ELSEWHERE])
def test_what_is_stored_are_aggregates_and_says_with_what(name):
    content = json.loads((store.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert content["study"] == name
    assert content["versions"]["torch"]
    assert not {"user", "movie", "item_id", "user_id", "rating"} & set(studies.load(name))


def test_what_is_stored_is_shown_and_small():
    shown = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shown |= set(re.findall(r'studies\.load\(\\"(\w+)\\"\)', path.read_text(encoding="utf-8")))
    assert shown == set(store.STUDIES) | ELSEWHERE
    assert sum(path.stat().st_size for path in store.FOLDER.glob("*.json")) <= 150_000


def test_a_study_that_was_not_measured_says_how(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="python -m microdlrm study splits"):
        studies.load("splits")


def test_the_command_writes_a_study_and_lists_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    found = [dict(model="x", auc=0.123456)]
    monkeypatch.setitem(store.STUDIES, "rivals", ("A search", lambda: iter(found)))
    __main__.main(["study", "rivals"])
    assert studies.load("rivals").to_dict("records") == [dict(model="x", auc=0.12346)]
    __main__.main(["study"])
    listed = capsys.readouterr().out
    assert "splits" in listed
    assert "not measured yet" in listed
