"""Lists: recall and NDCG against scikit-learn and by hand; candidates cut down."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from microdlrm.wild import ranking


@pytest.fixture
def lists():
    draw = np.random.default_rng(0)
    scores = draw.random((30, 40))
    relevant = draw.random((30, 40)) < 0.1
    relevant[3] = False
    return scores, relevant


def test_ndcg_is_scikit_learns(lists):
    scores, relevant = lists
    table = ranking.at_k(scores, relevant, np.ones_like(relevant), k=5)
    assert 3 not in table.index
    for user, line in table.iterrows():
        one = slice(user, user + 1)
        assert line["ndcg"] == pytest.approx(ndcg_score(relevant[one], scores[one], k=5))


def test_recall_by_hand():
    scores = np.array([[4.0, 3, 2, 1]])
    relevant = np.array([[False, True, False, True]])
    every = np.ones_like(relevant)
    for k, due in ((1, 0.0), (2, 0.5), (9, 1.0)):  # of one place, one could be there
        assert ranking.at_k(scores, relevant, every, k)["recall"].tolist() == [due]
    # Without the film at the top, the first relevant one is first.
    fewer = np.array([[False, True, True, True]])
    assert ranking.at_k(scores, relevant, fewer, k=1)["recall"].tolist() == [1.0]
    # Who has no relevant film among the candidates isn't judged.
    assert len(ranking.at_k(scores, relevant, ~relevant, k=1)) == 0


def test_what_is_no_candidate_is_never_listed(lists):
    scores, relevant = lists
    candidates = np.random.default_rng(1).random(relevant.shape) < 0.5
    best = np.where(candidates, scores, scores + 10)
    table = ranking.at_k(best, relevant, candidates, k=5)
    pushed_down = np.where(candidates, scores, -10)
    every = np.ones_like(relevant)
    assert np.allclose(table, ranking.at_k(pushed_down, relevant & candidates, every, k=5))


def test_a_sample_holds_the_relevant_and_so_many_others(lists):
    _, relevant = lists
    candidates = np.random.default_rng(1).random(relevant.shape) < 0.7
    chosen = ranking.sampled(relevant, candidates, 5)
    assert not (chosen & ~candidates).any()
    assert ((chosen & relevant) == (candidates & relevant)).all()
    assert ((chosen & ~relevant).sum(1) == 5).all()
    assert (ranking.sampled(relevant, candidates, 5, seed=1) != chosen).any()
    assert (ranking.sampled(relevant, candidates, 1000) == candidates).all()


def test_retrieved_are_the_highest(lists):
    scores, _ = lists
    candidates = np.random.default_rng(1).random(scores.shape) < 0.7
    chosen = ranking.retrieved(scores, candidates, 4)
    for own, may, of in zip(chosen, candidates, scores, strict=True):
        best = sorted(np.flatnonzero(may), key=lambda i: -of[i])[:4]
        assert set(np.flatnonzero(own)) == set(best)
    few = np.zeros_like(candidates)
    few[:, 0] = True
    assert (ranking.retrieved(scores, few, 4) == few).all()


def test_scores_that_are_no_numbers_are_refused():
    one = np.ones((1, 2), dtype=bool)
    with pytest.raises(ValueError, match="NaN"):
        ranking.at_k(np.array([[np.nan, 1]]), one, one)
