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


def test_compare_interleaves_and_hands_each_variant_a_counter():
    calls = []
    times = timing.compare(
        {"a": lambda: calls.append("a"), "b": lambda i: calls.append(i)},
        rounds=5,
        sample=1e-9,
        patience=0,
    )
    assert list(times) == ["a", "b"]
    counters = [c for c in calls if c != "a"]
    assert counters == list(range(len(counters)))
    measured = ["a" if c == "a" else "b" for c in calls][-10:]
    assert all(set(measured[k : k + 2]) == {"a", "b"} for k in range(0, 10, 2))


def test_no_variant_always_follows_the_same_other():
    calls = []
    variants = {name: lambda name=name: calls.append(name) for name in "abc"}
    timing.compare(variants, rounds=12, sample=1e-9, patience=0)
    measured = calls[-36:]
    assert all(set(measured[k : k + 3]) == set("abc") for k in range(0, 36, 3))
    assert {measured[k] for k in range(0, 36, 3)} == set("abc")
    neighbours = set(itertools.pairwise(measured))
    assert neighbours >= {(x, y) for x in "abc" for y in "abc" if x != y}


@pytest.mark.timing
def test_compare_measures_more_where_there_is_more_to_do():
    work = {n: torch.randn(n, n) for n in (16, 512)}
    times = timing.compare({str(n): lambda a=a: a @ a for n, a in work.items()}, rounds=5)
    assert times["512"].median > 20 * times["16"].median  # 32,768 times the work
    assert times.ratio("512", "16").median > 20
    assert times.clear("512", "16")
    assert "512" in repr(times)
    assert times._repr_html_().count("<tr") == 3


def test_compare_keeps_the_number_of_threads():
    before = torch.get_num_threads()
    seen = []
    timing.compare(
        {"": lambda: seen.append(torch.get_num_threads())}, rounds=2, sample=1e-9, patience=0
    )
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        timing.compare({"": lambda: 1 / 0})
    assert torch.get_num_threads() == before


def test_compare_needs_variants():
    with pytest.raises(ValueError, match="at least one variant"):
        timing.compare({})


def test_times_say_what_noise_forbids_to_conclude():
    times = Times(
        {"a": spread(1.0, 1.1, 1.2), "b": spread(1.1, 1.15, 1.3), "c": spread(5.0, 5.1, 5.2)}
    )
    assert not times.clear("a", "b")
    assert times.clear("b", "c")
    assert times.remarks() == ["Too close to call here: “a” and “b”."]
    assert Times({"a": spread(1.0), "c": spread(5.0)}).remarks() == []


def test_page_faults_are_shown_where_they_matter():
    times = {"a": spread(1e-3), "b": spread(2e-3)}
    assert "page faults" not in repr(Times(times, {"a": 3, "b": 0}))
    shown = Times(times, {"a": 1234, "b": 0})
    assert "1,234" in repr(shown)
    assert "page faults" in shown._repr_html_()


def test_ratio_is_taken_round_by_round():
    # A load that doubles both in the middle of the run doesn't show in their ratio.
    times = Times({"a": spread(2.0, 4.0, 4.0, 2.0), "b": spread(1.0, 2.0, 2.0, 1.0)})
    assert times.ratio("a", "b") == Spread(2, 2, 2, (2, 2, 2, 2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.00123, "1.23 ms"), (4.2e-6, "4.2 µs"), (3.1e-8, "31 ns")],
)
def test_duration(seconds, text):
    assert timing.duration(seconds) == text
