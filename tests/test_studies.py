"""The stored studies: one cell of each is measured anew, and comes to the same."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microdlrm import __main__, intervals, studies, wild

ROOT = Path(__file__).resolve().parent.parent

# A cheap part of each, and what it measures: trained on another processor, the last digits differ.
CHEAP = {
    "splits": lambda: studies._one_split(1, rivals=("logistic regression, 2 features", "item-kNN"), ours=()),
    "recipes": lambda: studies._one_recipe("concat", False, 1, decay=6.0),
    "rivals": lambda: studies._one_knn(20, 100) + studies._one_mf(1.0, 8),
    "parts": lambda: studies._one_part("DLRM's own start", 2, ("dot",)),
    "dent": lambda: studies._one_dent("none", 0),
    # The first of its epochs: what was chosen among all of them is tested below.
    "tomorrow": lambda: [r for r in studies._one_tomorrow("time", 0, target=0.0) if not r["chosen_by"]],
    "hashing": lambda: wild.one_hashing("ids alone", 0, 1),
    "rankings": lambda: wild.one_ranking(0, ("popularity", "factorisation, 4 negatives")),
    "ages": lambda: [r for r in wild.one_age(0, 1, wild.KEPT[:2]) if r["week"] == "0"],
    "widths": lambda: wild.one_width(4),
}
ELSEWHERE = {"scale"}  # needs TorchRec: `make scale` measures it anew
TOLERANCE = dict(logloss=0.003, auc=0.004, accuracy=0.006, ndcg=0.03, recall=0.03)
MEASURED = {"value", "low", "high", "difference", "logloss", "auc", "epoch"}
MEASURED |= {"validation", "test", "test_auc", "training_rows"}  # columns of "dent"


def test_each_study_has_its_result_and_its_cheap_part():
    assert set(CHEAP) == set(studies.STUDIES) == {path.stem for path in studies.FOLDER.glob("*.json")} - ELSEWHERE


@pytest.mark.parametrize("name", CHEAP)
def test_a_part_measured_anew_comes_to_the_same(name):
    stored = json.loads((studies.FOLDER / f"{name}.json").read_text(encoding="utf-8"))["records"]

    def key(record):
        by_epoch = {"epoch"} if record.get("chosen_by") == "" else set()  # elsewhere the epoch is what came out
        return json.dumps({k: v for k, v in record.items() if k not in MEASURED - by_epoch}, sort_keys=True)

    by_key = {key(record): record for record in stored}
    anew = CHEAP[name]()
    assert anew
    for record in anew:
        was = by_key[key(record)]
        for column in (MEASURED - {"epoch"}) & set(record):
            limit = TOLERANCE.get(record.get("metric", column), 0.006)
            assert record[column] == pytest.approx(was[column], abs=limit), (key(record), column)


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
    leads = studies._leads_of_tomorrow("time", 0, pd.DataFrame(records), answers, parts, y, user)
    chosen = {"all": (2, 2), "known": (3, 1), "last": (3, 3)}  # the epochs with histories and without
    for way, (ours, theirs) in chosen.items():
        for who in ("known", "cold"):
            rows = parts["test", who]
            p, q = answers["dot, histories", ours, "test", who], answers["dot", theirs, "test", who]
            expected = intervals.lead(p, q, y[rows], user[rows])["difference"]
            mine = [lead for lead in leads if (lead["chosen_by"], lead["who"]) == (way, who)]
            assert {lead["metric"]: lead["difference"] for lead in mine} == expected.to_dict()
            assert {lead["epoch"] for lead in mine} == {ours}


@pytest.mark.parametrize("name", [*studies.STUDIES, *ELSEWHERE])
def test_what_is_stored_are_aggregates_and_says_with_what(name):
    content = json.loads((studies.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert content["study"] == name
    assert content["versions"]["torch"]
    assert not {"user", "movie", "item_id", "user_id", "rating"} & set(studies.load(name))
    assert len(content["records"]) < 5000


def test_chapters_show_studies_that_exist():
    shown = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shown |= set(re.findall(r'studies\.load\(\\"(\w+)\\"\)', path.read_text(encoding="utf-8")))
    assert shown <= set(studies.STUDIES) | ELSEWHERE


def test_a_study_that_was_not_measured_says_how(monkeypatch, tmp_path):
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="python -m microdlrm study splits"):
        studies.load("splits")


def test_the_command_writes_a_study_and_lists_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    cells = {"one": lambda: [dict(model="x", auc=0.123456)]}
    monkeypatch.setitem(studies.STUDIES, "rivals", ("A search", lambda: cells))
    __main__.main(["study", "rivals"])
    assert studies.load("rivals").to_dict("records") == [dict(model="x", auc=0.12346)]
    __main__.main(["study"])
    listed = capsys.readouterr().out
    assert "splits" in listed
    assert "not measured yet" in listed
