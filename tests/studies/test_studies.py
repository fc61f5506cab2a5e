"""The stored studies: aggregates, which the chapters' pages read."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microdlrm import __main__, metrics, studies
from microdlrm.studies import chapters4to6, store

ROOT = Path(__file__).resolve().parent.parent.parent

ELSEWHERE = {"scale"}  # needs TorchRec: `make scale` measures it anew


def test_each_study_has_its_result():
    assert set(store.STUDIES) == {path.stem for path in store.FOLDER.glob("*.json")} - ELSEWHERE


def test_a_part_measured_anew_comes_to_the_same():
    """The rest takes hours: `python -m microdlrm study NAME`, after a change of the model."""
    stored = store.load("rivals").query("model == 'item-kNN' and k == 20 and shrink == 100").iloc[0]
    (anew,) = chapters4to6.one_knn(20, 100)
    for metric in ("logloss", "auc"):  # other matrix products round otherwise: some rows change a neighbour
        assert anew[metric] == pytest.approx(stored[metric], abs=1e-3)


def test_leads_of_tomorrow_are_taken_at_the_epoch_that_each_way_chooses():
    user, generator = np.repeat(np.arange(40), 10), np.random.default_rng(0)
    y = generator.integers(0, 2, 400)
    parts = {("validation", "known"): np.arange(0, 100), ("validation", "cold"): np.arange(100, 200)}
    parts |= {("test", "known"): np.arange(200, 300), ("test", "cold"): np.arange(300, 400)}
    answers, records = {}, []
    losses = {"dot": ((0.5, 0.9), (0.6, 0.5), (0.7, 0.7)), "dot, histories": ((0.6, 0.6), (0.7, 0.4), (0.5, 0.9))}
    for model, by_epoch in losses.items():
        for epoch, (known, cold) in enumerate(by_epoch, start=1):
            answers |= {(model, epoch, "test", who): generator.uniform(0.1, 0.9, 100) for who in ("known", "cold")}
            key = dict(model=model, epoch=epoch, part="validation", rows=100)
            records += [key | dict(who="known", logloss=known), key | dict(who="cold", logloss=cold)]
    leads = chapters4to6.leads_of_tomorrow("time", 0, pd.DataFrame(records), answers, parts, y, user)
    chosen = {"all": (2, 2), "known": (3, 1), "last": (3, 3)}  # the epochs with histories and without
    for way, (ours, theirs) in chosen.items():
        for who in ("known", "cold"):
            rows = parts["test", who]
            p, q = answers["dot, histories", ours, "test", who], answers["dot", theirs, "test", who]
            expected = metrics.lead(p, q, y[rows], user[rows])["gain"]
            mine = [lead for lead in leads if (lead["chosen_by"], lead["who"]) == (way, who)]
            assert {lead["metric"]: lead["gain"] for lead in mine} == expected.to_dict()
            assert {lead["epoch"] for lead in mine} == {ours}


@pytest.mark.parametrize("name", [*store.STUDIES, *ELSEWHERE])
def test_what_is_stored_are_aggregates_and_says_with_what(name):
    content = json.loads((store.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert content["study"] == name
    assert content["versions"]["torch"]
    assert not {"user", "movie", "item_id", "user_id", "rating"} & set(studies.load(name))
    assert len(content["records"]) < 5000


def test_chapters_show_studies_that_exist():
    shown = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shown |= set(re.findall(r'studies\.load\(\\"(\w+)\\"\)', path.read_text(encoding="utf-8")))
    assert shown <= set(store.STUDIES) | ELSEWHERE


def test_a_study_that_was_not_measured_says_how(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="python -m microdlrm study splits"):
        studies.load("splits")


def test_the_command_writes_a_study_and_lists_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    cells = {"one": lambda: [dict(model="x", auc=0.123456)]}
    monkeypatch.setitem(store.STUDIES, "rivals", ("A search", lambda: cells))
    __main__.main(["study", "rivals"])
    assert studies.load("rivals").to_dict("records") == [dict(model="x", auc=0.12346)]
    __main__.main(["study"])
    listed = capsys.readouterr().out
    assert "splits" in listed
    assert "not measured yet" in listed
