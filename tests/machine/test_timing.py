"""The timing tools. Nothing here depends on how fast the machine is."""

import itertools

import pytest
import torch

from microdlrm.machine import timing
from microdlrm.machine.timing import Spread, Times


def spread(*samples):
    return Spread.of(samples)


def test_spread():
    s = spread(3.0, 1.0, 2.0, 5.0, 4.0)
    assert (s.low, s.median, s.high) == (2, 3, 4)
    assert s.noise == pytest.approx(2 / 3)
    assert spread(2.0).low == spread(2.0).high == 2
    # Quartiles trade places when seconds turn into a rate.
    rate = s.into(lambda seconds: 60 / seconds)
    assert (rate.low, rate.median, rate.high) == (15, 20, 30)


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ((1.2, 1.3, 1.4), "wins"),
        ((0.7, 0.8, 0.9), "loses"),
        ((0.98, 1.0, 1.2), "no difference"),
        ((0.5, 1.0, 1.5), "too noisy to tell"),
    ],
)
def test_a_ratios_outcome_is_that_of_its_quartiles(samples, outcome):
    assert spread(*samples).outcome == outcome


def test_compare_interleaves_in_changing_order():
    calls = []
    variants = {name: lambda name=name: calls.append(name) for name in "abc"}
    assert list(timing.compare(variants, rounds=12, sample=1e-9, patience=0)) == list("abc")
    measured = calls[-36:]
    assert all(set(measured[k : k + 3]) == set("abc") for k in range(0, 36, 3))
    assert set(itertools.pairwise(measured)) >= set(itertools.permutations("abc", 2))


def test_a_variant_that_takes_an_argument_gets_a_counter():
    calls, total = [], torch.ones(3)
    variants = {"counts": lambda i: calls.append(i), "builtin": total.sum}
    timing.compare(variants, rounds=3, sample=1e-9, patience=0)
    assert calls == list(range(len(calls)))
    assert len(calls) > 3


@pytest.mark.timing
def test_compare_measures_more_where_there_is_more_to_do():
    work = {n: torch.randn(n, n) for n in (16, 512)}
    times = timing.compare({str(n): lambda a=a: a @ a for n, a in work.items()}, rounds=5)
    assert times.ratio("512", "16").median > 20  # 32,768 times the work
    assert times.remarks() == []
    assert "512" in repr(times)
    assert times._repr_html_().count("<tr") == 3


def test_compare_runs_on_one_thread_and_gives_the_others_back():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    look = {"": lambda: seen.append(torch.get_num_threads())}
    timing.compare(look, rounds=2, sample=1e-9, patience=0)
    assert set(seen) == {1}
    with pytest.raises(ZeroDivisionError):
        timing.compare({"": lambda: 1 / 0})
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_times_say_what_noise_forbids_to_conclude():
    spreads = {"a": spread(1.0, 1.1, 1.2), "b": spread(1.1, 1.15, 1.3), "c": spread(5.0, 5.1, 5.2)}
    times = Times(spreads, dict.fromkeys("abc", 0))
    assert len(times.remarks()) == 1
    assert "“a” and “b”." in times.remarks()[0]
    del times["b"]
    assert times.remarks() == []


def test_page_faults_are_shown_where_they_matter():
    times = {"a": spread(1e-3), "b": spread(2e-3)}
    assert "page faults" not in repr(Times(times, {"a": 3, "b": 0}))
    assert "1,234" in repr(Times(times, {"a": 1234, "b": 0}))


def test_ratio_is_taken_round_by_round():
    # A load that doubles both in the middle of the run doesn't show in their ratio.
    times = Times({"a": spread(2.0, 4.0, 4.0, 2.0), "b": spread(1.0, 2.0, 2.0, 1.0)}, {})
    assert times.ratio("a", "b") == Spread(2, 2, 2, (2, 2, 2, 2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.00123, "1.23 ms"), (4.2e-6, "4.2 µs"), (3.1e-8, "31 ns")],
)
def test_duration(seconds, text):
    assert timing.duration(seconds) == text
