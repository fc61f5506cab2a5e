"""The real data against what is published about it; the two sources, what the fetch promises."""

import functools
import hashlib
import http.server
import io
import os
import re
import socket
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from microdlrm import movielens
from microdlrm.movielens import ARCHIVE, GENRES, MEMBERS, WHEEL, DataError

ROOT = Path(__file__).resolve().parent.parent
CARD = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
TYPES = (
    dict(user_id="int64", item_id="int64", rating="int64", timestamp="int64"),
    dict(user_id="int64", age="int64", gender="str", occupation="str", zip_code="str"),
    dict(item_id="int64", title="str", year="Int64", genres="object"),
)


def types(tables):
    return tuple({name: str(dtype) for name, dtype in table.dtypes.items()} for table in tables)


def sha256(blob):
    return hashlib.sha256(blob).hexdigest()


# --- the data against the published facts ---------------------------------------------------------


def test_ratings_and_users_are_the_official_files_to_the_last_byte(data):
    published = dict(re.findall(r"^\| `(.+)` \| `(\w+)` \|$", CARD, re.MULTILINE))
    assert {name: published[name] for name in movielens.SHA256} == movielens.SHA256
    for table, name, mark in ((data.ratings, "u.data", "\t"), (data.users, "u.user", "|")):
        written = table.to_csv(sep=mark, header=False, index=False, lineterminator="\n")
        assert sha256(written.encode()) == published[name]
    assert types(data) == TYPES


def test_movies_are_the_published_ones(data):
    movies = data.movies.set_index("item_id")
    assert movies.index.tolist() == list(range(1, 1683)) == sorted(set(data.ratings.item_id))
    assert list(GENRES) == ["unknown", *sorted(GENRES[1:])]  # the order of u.genre
    counts = movies.genres.explode().value_counts()
    assert (counts["Drama"], counts["Fantasy"], counts["unknown"]) == (725, 22, 2)
    assert movies.index[movies.year.isna()].tolist() == [267]
    assert (movies.year.min(), movies.year.max()) == (1922, 1998)
    assert movies.title[1412] == "Land Before Time III: The Time of the Great Giving"


def test_the_data_cards_script_gives_its_numbers(data, capsys):
    exec(CARD.partition("```python\n")[2].partition("```")[0], {})
    printed = capsys.readouterr().out
    numbers = ("0.71", "0.7426", "[25.0, 31.0, 43.0]", "0.208", "0.319", "0.24,", "0.528", "0.4739")
    for number in numbers:  # what the prose rounds
        assert number in printed


def test_split_title():
    assert movielens.split_title("Seven (Se7en)  (1995) ") == ("Seven (Se7en)", 1995)
    assert movielens.split_title("Hamlet (1996/I)") == ("Hamlet", 1996)


# --- two sources, one content ---------------------------------------------------------------------

# Two ratings, two users and three movies, as load gives them, ...
SMALL = [
    [[8, 1, 5, 874724710], [1, 267, 3, 881250949]],
    [[1, 24, "M", "technician", "85711"], [8, 36, "F", "administrator", "05201"]],
    [
        [1, "Á köldum klaka (Cold Fever)", 1994, ("Animation", "Children's")],
        [267, "unknown", None, ("unknown",)],
        [1412, "Land Before Time III", 1995, ("Drama",)],
    ],
]
# ... as the official archive has them, ...
OFFICIAL = (
    "8\t1\t5\t874724710\n1\t267\t3\t881250949\n",
    "1|24|M|technician|85711\n8|36|F|administrator|05201\n",
    "1|Á köldum klaka (Cold Fever) (1994)|01-Jan-1994||http://x|0|0|0|1|1" + "|0" * 14 + "\n"
    "267|unknown||||1" + "|0" * 18 + "\n"
    "1412|Land Before Time III (1995) (V)|01-Jan-1995||http://x" + "|0" * 8 + "|1" + "|0" * 10,
)
# ... and as the wheel has them, with its two defects.
RECBOLE = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + OFFICIAL[0],
    "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    + OFFICIAL[1].replace("|", "\t"),
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "1\tÁ köldum klaka (Cold Fever)\t1994\tChildren's Animation\n"
    "267\tunkonwn\tunkonwn\tunknown\n"
    "1412\tLand Before Time III (1995)\tV\tDrama\n",
)
OF_PIP = {
    "recbole-1.2.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1",
    "recbole-1.2.1.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
}


def zipped(members, encoding):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text.encode(encoding))
    return out.getvalue()


FILES = {
    ARCHIVE: zipped(dict(zip(MEMBERS[ARCHIVE], OFFICIAL, strict=True)), "latin-1"),
    WHEEL: zipped(dict(zip(MEMBERS[WHEEL], RECBOLE, strict=True)) | OF_PIP, "utf-8"),
}


def assert_loads_small():
    loaded = movielens.load()
    assert types(loaded) == TYPES
    rows = [table.astype(object).where(table.notna(), None).values.tolist() for table in loaded]
    assert rows == SMALL


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """Both sources, small: a folder that a server serves, and pip's only index."""
    (folder := tmp_path / "sources").mkdir()
    for name, blob in FILES.items():
        (folder / name).write_bytes(blob)
        monkeypatch.setitem(movielens.SHA256, name, sha256(blob))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        monkeypatch.setattr(movielens, "URL", f"http://127.0.0.1:{server.server_port}/{ARCHIVE}")
        settings = {"NO_PROXY": "127.0.0.1", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
        for name, value in (settings | {"PIP_FIND_LINKS": folder.as_uri()}).items():
            monkeypatch.setenv(name, value)
        yield folder
        server.shutdown()


@pytest.fixture
def place(monkeypatch, tmp_path, sources):
    """A data folder that isn't there yet."""
    monkeypatch.setenv("MICRODLRM_DATA", str(tmp_path / "some where" / "ml-100k"))
    return movielens.folder()


@pytest.mark.parametrize(("name", "other"), [(ARCHIVE, WHEEL), (WHEEL, ARCHIVE)])
def test_each_source_serves_and_then_no_network_is_asked(
    place, sources, monkeypatch, capsys, name, other
):
    (sources / other).unlink()
    assert movielens.fetch() == place / name
    assert str(place / name) in capsys.readouterr().out
    assert [path.name for path in place.iterdir()] == [name]
    for owner, function in ((socket, "socket"), (subprocess, "run"), (Path, "mkdir")):
        monkeypatch.setattr(owner, function, None)  # a call is a TypeError
    assert_loads_small()
    assert capsys.readouterr() == ("", "")


def test_a_wrong_file_is_not_read_and_a_right_one_takes_its_place(place, capsys):
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes(FILES[ARCHIVE][:-1])
    assert_loads_small()
    assert capsys.readouterr().out == ""  # which may be somebody's JSON
    assert movielens.fetch() == place / ARCHIVE


@pytest.mark.parametrize("served", [b"<html>log in to this network first</html>", None])
def test_an_error_says_what_was_tried_and_the_way_out(place, sources, served):
    for name in FILES:
        (sources / name).unlink() if served is None else (sources / name).write_bytes(served)
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes(b"mine")
    with pytest.raises(DataError) as raised:
        movielens.load()
    message = str(raised.value)
    for part in (sha256(b"mine"), f"{ARCHIVE}:", f"{WHEEL}: pip", movielens.URL, "MICRODLRM_DATA"):
        assert part in message
    assert f'pip download --no-deps --dest "{place}" recbole==1.2.1' in message
    assert (place / ARCHIVE).read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_is_said_without_a_traceback(place):
    place.parent.write_text("a file stands where the folder should be")
    with pytest.raises(SystemExit, match=re.escape(str(place))):
        movielens._run(None)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("", ROOT / "data/movielens/ml-100k"), ("mine", ROOT / "mine"), ("~/mine", "~/mine")],
)
def test_folder(monkeypatch, tmp_path, setting, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICRODLRM_DATA", setting)
    assert movielens.folder() == Path(expected).expanduser()
