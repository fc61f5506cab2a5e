"""The command that trains."""

import json

from microdlrm import __main__, training


def test_the_command_prints_one_json_object_a_seed(capsys, monkeypatch):
    monkeypatch.setitem(training.RECIPES, "dot", (dict(m_spa=2, ln_bot=(16, 2), ln_top=(1,), interaction="dot"), 1.0))
    __main__.main(["train", "--seeds", "2", "--target", "0.5", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    assert {"accuracy", "auc", "logloss", "cpu_seconds", "parameters", "reached"} <= set(lines[0])
    assert lines[0]["parameters"] == (943 + 1682 + 21 + 19) * 2 + 16 * 2 + 2 + (2 + 10) + 1
