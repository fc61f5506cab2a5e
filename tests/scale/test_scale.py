"""What `make scale` wrote keeps the chapter's promises."""

import pytest

from microdlrm import studies
from microdlrm.scaling import planned
from microdlrm.scaling.traffic import SHARDINGS


@pytest.fixture(scope="module")
def study():
    return studies.load("scale")


def test_each_kind_equals_the_model_in_one_piece(study):
    steps = study[study["what"] == "sharded"]
    cases = {(w, kind, step) for w in (2, 4) for kind in SHARDINGS for step in ("SGD", "AdamW")}
    assert set(zip(steps["processes"], steps["kind"], steps["step"], strict=True)) == cases
    assert steps["outputs"].max() <= 1e-6
    assert steps["moved"].min() >= 1e-3  # or equal weights would prove nothing
    # AdamW divides a gradient by its own size: one that is all rounding makes a step of some size.
    assert steps.loc[steps["step"] == "SGD", "weights"].max() <= 1e-6
    assert steps.loc[steps["step"] == "AdamW", "weights"].max() <= 1e-5


def test_training_comes_to_the_same_auc(study):
    runs = study[(study["what"] == "sharded") & (study["step"] == "AdamW")]
    assert (runs["auc"] - runs["auc_in_one_piece"]).abs().max() <= 1e-3
    assert runs["auc"].min() > 0.75


def test_fused_tables_are_26_bags(study):
    fused = study[study["what"] == "fused"]
    assert set(fused["step"]) == {"SGD", "Adagrad", "row-wise Adagrad", "lookup alone"}
    assert fused[["outputs", "weights"]].max(axis=None) <= 1e-5
    assert fused["moved"].min() >= 0.1


def test_the_planner_still_plans_so(study):
    """Estimates are arithmetic: the same on every machine. (512 devices take it a minute.)"""
    stored = study[study["what"] == "plan"].set_index("devices")
    again = planned.plan(8)
    assert again["kinds"] == stored.loc[8, "kinds"]
    for key in ("used", "busiest_ms", "mean_ms", "fullest_gb"):
        assert again[key] == pytest.approx(stored.loc[8, key], rel=1e-4), key
