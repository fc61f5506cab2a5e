"""The baselines do what they are known to do."""

from microdlrm import baselines, metrics


def test_two_averages_reach_the_target(prepared, split):
    p = baselines.logistic_regression(prepared, split)
    y = prepared.y[split.test, 0].numpy()
    score = metrics.score(p, y)
    # Two averages reach the accuracy that the course starts with as its target: chapter 1's point.
    assert score.accuracy > 0.695
