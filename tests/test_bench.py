"""The timing tools. Nothing here depends on how fast the machine is."""

import json
import subprocess
import sys

import pytest
import torch

from microdlrm import bench, hardware, headlines, regimes
from microdlrm.bench import Spread, Times
from microdlrm.frozen import freeze
from microdlrm.model import MicroDLRM


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
    times = bench.compare(
        {"a": lambda: calls.append("a"), "b": lambda i: calls.append(i)}, rounds=5, sample=1e-9, patience=0
    )
    assert list(times) == ["a", "b"]
    counters = [c for c in calls if c != "a"]
    assert counters == list(range(len(counters)))
    measured = ["a" if c == "a" else "b" for c in calls][-10:]
    assert measured == ["a", "b", "b", "a", "a", "b", "b", "a", "a", "b"]


def test_compare_measures_more_where_there_is_more_to_do():
    work = {n: torch.randn(n, n) for n in (16, 512)}
    times = bench.compare({str(n): lambda a=a: a @ a for n, a in work.items()}, rounds=5)
    assert times["512"].median > 20 * times["16"].median  # 32,768 times the work
    assert times.ratio("512", "16").median > 20
    assert times.clear("512", "16")
    assert "512" in repr(times)
    assert times._repr_html_().count("<tr>") == 3


def test_compare_keeps_the_number_of_threads():
    before = torch.get_num_threads()
    seen = []
    bench.compare({"": lambda: seen.append(torch.get_num_threads())}, rounds=2, sample=1e-9, patience=0)
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        bench.compare({"": lambda: 1 / 0})
    assert torch.get_num_threads() == before


def test_compare_needs_variants():
    with pytest.raises(ValueError, match="at least one variant"):
        bench.compare({})


def test_times_say_what_noise_forbids_to_conclude():
    times = Times({"a": spread(1.0, 1.1, 1.2), "b": spread(1.1, 1.15, 1.3), "c": spread(5.0, 5.1, 5.2)})
    assert not times.clear("a", "b")
    assert times.clear("b", "c")
    assert times.remarks() == ["Too close to call here: “a” and “b”."]
    assert Times({"a": spread(1.0), "c": spread(5.0)}).remarks() == []


def test_ratio_is_taken_round_by_round():
    # A load that doubles both in the middle of the run doesn't show in their ratio.
    times = Times({"a": spread(2.0, 4.0, 4.0, 2.0), "b": spread(1.0, 2.0, 2.0, 1.0)})
    assert times.ratio("a", "b") == Spread(2, 2, 2, (2, 2, 2, 2))


OPTIONS = {"a": False, "b": True}


def test_verdict():
    assert "(b) is right" in repr(bench.verdict("b", OPTIONS, "3.0 times as long"))
    wrong = repr(bench.verdict("a", OPTIONS, "3.0 times as long"))
    assert "You guessed (a)" in wrong
    assert "it is (b)" in wrong
    assert "none of the options" in repr(bench.verdict("a", {"a": False, "b": False}, ""))
    assert "<" not in bench.verdict("b", OPTIONS, "<b>")._repr_html_().split(">", 1)[1].removesuffix("</div>")


@pytest.mark.parametrize("guess", ["?", "", "x", None, 3])
def test_verdict_without_a_guess_invites_one(guess):
    answer = repr(bench.verdict(guess, OPTIONS, "3.0 times as long"))
    assert 'one of "a", "b"' in answer
    assert "3.0 times as long" in answer


def test_expect():
    assert "✓" in bench.expect("a / b", 5.0, at_least=4)
    assert "✓" in bench.expect("a / b", spread(1.0, 1.5, 9.0), at_most=1.6)
    with pytest.raises(AssertionError, match="at least 4, measured 3 here"):
        bench.expect("a / b", 3.0, at_least=4)
    with pytest.raises(AssertionError, match="at most 1"):
        bench.expect("a / b", spread(2.0, 3.0, 4.0), at_most=1)


def test_expect_asserts_nothing_of_memory_where_the_caches_hold_it_all(monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: fake_machine(l3=1024 * hardware.MIB))
    assert "Not asserted" in bench.expect("a / b", 1.0, at_least=4, beyond_cache=512 * hardware.MIB)
    with pytest.raises(AssertionError):
        bench.expect("a / b", 1.0, at_least=4, beyond_cache=2048 * hardware.MIB)


def fake_machine(**known):
    unknown = dict.fromkeys(("cpu", "cores", "l1", "l2", "l3", "memory"))
    return hardware.Machine(**unknown | dict(system="Test", torch="2", instructions="none", threads=1) | known)


def test_machine_says_what_it_knows_and_what_it_does_not():
    text = str(hardware.machine())
    assert torch.__version__ in text
    assert "1 thread" in text
    unknown = fake_machine()
    assert str(unknown) == "CPU unknown, cores unknown, caches unknown, memory unknown, Test, torch 2 (none), 1 thread"
    assert unknown.last_cache is None
    assert fake_machine(l2=5, l3=7).last_cache == 7


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_machine_on_other_systems(system, monkeypatch):
    answers = {"machdep.cpu.brand_string": "Apple M9", "hw.l2cachesize": "4096", "hw.memsize": "1024"}
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(hardware, "_read", lambda path: "")
    monkeypatch.setattr(hardware, "_sysctl", answers.get)
    for cached in (hardware._cpu_name, hardware._caches):
        cached.cache_clear()
    try:
        here = hardware.machine()
        assert isinstance(str(here), str)
        assert (here.cpu == "Apple M9") == (system == "darwin")
        assert hardware.affordable(100) == 100
    finally:
        for cached in (hardware._cpu_name, hardware._caches):
            cached.cache_clear()


def test_affordable_halves_until_it_fits(monkeypatch):
    monkeypatch.setattr(hardware, "available_memory", lambda: 300 * hardware.MIB)
    assert hardware.affordable(512 * hardware.MIB) == 64 * hardware.MIB
    monkeypatch.setattr(hardware, "available_memory", lambda: None)
    assert hardware.affordable(512 * hardware.MIB) == 512 * hardware.MIB
    monkeypatch.setattr(hardware, "available_memory", lambda: 0)
    assert hardware.affordable(512 * hardware.MIB) == 4 * hardware.MIB


@pytest.fixture(scope="module")
def ceilings():
    return bench.ceilings()


def test_ceilings(ceilings):
    assert bench.ceilings() is ceilings
    assert ceilings.ridge == ceilings.peak_gflops / ceilings.stream_gbs
    assert set(ceilings.json()) >= {"stream_gbs", "gather_gbs", "gemm_gflops", "ridge", "dispatch_us"}
    json.dumps(ceilings.json())
    text = repr(ceilings)
    assert "ridge point" in text
    assert "memory ceilings through" in text
    rates = ceilings.rates(60)
    assert rates.gather_gbs == ceilings.gather[64].median
    assert rates.dispatch_us == ceilings.json()["dispatch_us"]


def test_ceilings_say_so_when_the_table_fits_the_cache(ceilings, monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: fake_machine(l3=ceilings.table_bytes))
    assert any("Memory itself is slower" in remark for remark in ceilings.remarks())


def test_gather_sums_the_rows_it_draws():
    table = torch.randn(1000, 8)
    sums = bench.gather_from(table, batch=4, bag=3)(5)
    assert sums.shape == (4, 8)
    hot = bench.gather_from(torch.arange(1000.0)[:, None], rows=2, batch=500, bag=1)
    assert len({value for i in range(32) for value in hot(i).flatten().tolist()}) == 2


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.00123, "1.23 ms"), (4.2e-6, "4.2 µs"), (3.1e-8, "31 ns")]
)
def test_duration(seconds, text):
    assert bench.duration(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(None, "unknown"), (12, "12 B"), (32768, "32 KiB"), (2**29, "512 MiB"), (2**30, "1 GiB")]
)
def test_size(n_bytes, text):
    assert hardware.size(n_bytes) == text


# --- frozen ---

SHAPES = {
    "concat": dict(),
    "dot": dict(interaction="dot"),
    "callable": dict(interaction=lambda x, tables: x + tables[0]),
    "the dense vector alone": dict(interaction=lambda x, tables: x),
    "one layer": dict(ln_bot=(16, 8), ln_top=(1,)),
    "large": dict(ln_bot=(16, 512, 8), ln_top=(512, 512, 1)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("batch", "bag"), [(1, 1), (64, 1), (300, 1), (5000, 1), (7, 3), (0, 1)])
def test_frozen_gives_the_models_probabilities(shape, batch, bag):
    torch.manual_seed(0)
    model = MicroDLRM(**shape)
    inputs = regimes.random_batches(regimes.SEED, batch, bag, batches=2)
    frozen = freeze(model)
    first, expected = frozen(*inputs[0]), model(*inputs[0])
    torch.testing.assert_close(first, expected)
    frozen(*inputs[1])
    torch.testing.assert_close(first, expected)  # a later call doesn't write into an earlier one's result


def test_frozen_large_layers_give_the_models_probabilities_again_and_again():
    model = MicroDLRM(ln_bot=(16, 512, 300, 8), ln_top=(700, 512, 1))
    frozen = freeze(model)
    for batch in (64, 64, 64, 300, 300, 1, 64, 64):
        for inputs in regimes.random_batches(regimes.SEED, batch, batches=2):
            torch.testing.assert_close(frozen(*inputs), model(*inputs))
    dense_x, ids, offsets = regimes.random_batches(regimes.SEED, 64, batches=1)[0]
    for wrong in (dense_x.double(), dense_x[:, :15], dense_x[:0], dense_x.tolist()):
        with pytest.raises((TypeError, ValueError)) as expected:
            model(wrong, ids, offsets)
        with pytest.raises(expected.type) as came:
            frozen(wrong, ids, offsets)
        assert str(came.value) == str(expected.value)


def test_frozen_bags_may_be_empty_and_ids_int32():
    model = MicroDLRM()
    dense_x = torch.randn(3, 16)
    ids, offsets = [torch.tensor([1, 2])] * 3, [torch.tensor([0, 0, 2])] * 3
    torch.testing.assert_close(freeze(model)(dense_x, ids, offsets), model(dense_x, ids, offsets))
    ids, offsets = [torch.arange(3, dtype=torch.int32)] * 3, [torch.arange(3, dtype=torch.int32)] * 3
    torch.testing.assert_close(freeze(model)(dense_x, ids, offsets), model(dense_x, ids, offsets))


def test_frozen_weighs_histories_and_reads_shared_tables():
    model = MicroDLRM(reads=(0, 1, 2, 1), interaction="dot")
    ids = [torch.tensor([1, 2]), torch.tensor([3, 4]), torch.tensor([5, 6]), torch.tensor([7, 8, 9])]
    offsets = [torch.arange(2)] * 3 + [torch.tensor([0, 1])]
    inputs = torch.randn(2, 16), ids, offsets, [None, None, None, torch.tensor([1.0, 0.5, -2.0])]
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs))


def test_frozen_does_not_change_with_the_model():
    model = MicroDLRM()
    frozen, inputs = freeze(model), regimes.random_batches(regimes.SEED, 4, batches=1)[0]
    before = frozen(*inputs)
    for parameter in model.parameters():
        parameter.data += 1
    assert torch.equal(frozen(*inputs), before)


def spoil(dense_x, ids, offsets, what):
    if what == "id":
        ids[1][2] = 1682
    elif what == "negative id":
        ids[0][0] = -1
    elif what == "nan":
        dense_x[1, 1] = float("nan")
    elif what == "infinite":
        dense_x[0, 3] = float("-inf")
    elif what == "rows":
        dense_x = dense_x[:3]
    elif what == "one row":
        dense_x = dense_x[:1]
    elif what == "tables":
        ids = ids[:2]
    elif what == "offsets":
        offsets[1] = torch.tensor([0, 2, 1, 3])
    elif what == "dtype":
        dense_x = dense_x.double()
    elif what == "ids' dtype":
        ids[0] = ids[0].float()
    elif what == "list":
        ids[0] = ids[0].tolist()
    elif what == "width":
        dense_x = dense_x[:, :15]
    return dense_x, ids, offsets


@pytest.mark.parametrize(
    "what",
    [
        "id",
        "negative id",
        "nan",
        "infinite",
        "rows",
        "one row",
        "tables",
        "offsets",
        "dtype",
        "ids' dtype",
        "list",
        "width",
    ],
)
def test_frozen_raises_what_the_model_raises(what):
    model = MicroDLRM()
    dense_x, ids, offsets = regimes.random_batches(regimes.SEED, 4, batches=1)[0]
    inputs = spoil(dense_x, list(ids), list(offsets), what)
    with pytest.raises((TypeError, ValueError, IndexError)) as expected:
        model(*inputs)
    with pytest.raises(expected.type) as came:
        freeze(model)(*inputs)
    assert str(came.value) == str(expected.value)


def test_large_tables_are_copied_whole():
    model = MicroDLRM(m_spa=8, num_embeddings=(2**17, 4, 4))
    inputs = regimes.random_batches(regimes.SEED | dict(num_embeddings=(2**17, 4, 4)), 100, batches=1)[0]
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs))


# --- headlines ---


def test_the_seeds_forward_is_the_models():
    model = MicroDLRM()
    inputs = regimes.random_batches(regimes.SEED, 9, batches=1)[0]
    torch.testing.assert_close(regimes.seed_forward(model, *inputs), model(*inputs))


def test_bmm_index_is_the_dot_interaction():
    x, tables = torch.randn(3, 4), [torch.randn(3, 4) for _ in range(5)]
    torch.testing.assert_close(headlines.bmm_index(x, tables), headlines.dot_interaction(x, tables))


def test_the_table_shows_each_ratio_beside_its_bound():
    results = {
        "good": headlines.Headline(spread(60.0), 50, float("inf"), "says this"),
        "bad": headlines.Headline(spread(0.9), 0, 0.7, "says that"),
    }
    _, good, bad = headlines.table(results).splitlines()
    assert good.startswith("✓")
    assert "at least 50" in good
    assert bad.startswith("✗")
    assert "at most 0.7" in bad


def test_the_ceilings_command_prints_json():
    done = subprocess.run(
        [sys.executable, "-m", "microdlrm", "ceilings", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["ridge"] > 0
