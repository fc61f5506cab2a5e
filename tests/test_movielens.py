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

import pandas as pd
import pytest

from microdlrm import movielens
from microdlrm.movielens import ARCHIVE, GENRES, WHEEL, DataError

ROOT = Path(__file__).resolve().parent.parent
CARD = (ROOT / "data" / "README.md").read_text(encoding="utf-8")

# --- the data against the published facts ---------------------------------------------------------


def test_ratings_are_the_published_ones(data):
    ratings = data.ratings
    assert list(ratings.columns) == ["user_id", "item_id", "rating", "timestamp"]
    assert set(map(str, ratings.dtypes)) == {"int64"}
    counts = ratings.rating.value_counts().sort_index()
    assert counts.to_dict() == {1: 6_110, 2: 11_370, 3: 27_145, 4: 34_174, 5: 21_201}
    assert (ratings.timestamp.min(), ratings.timestamp.max()) == (874724710, 893286638)
    assert not ratings.duplicated(["user_id", "item_id"]).any()
    assert ratings.user_id.value_counts().min() == 20  # "each user has rated at least 20 movies"
    assert ratings.iloc[0].tolist() == [196, 242, 3, 881250949]


def test_users_are_the_published_ones(data):
    users = data.users
    assert users.user_id.tolist() == list(range(1, 944)) == sorted(set(data.ratings.user_id))
    assert list(users.columns) == ["user_id", "age", "gender", "occupation", "zip_code"]
    assert [str(dtype) for dtype in users.dtypes] == ["int64", "int64", "str", "str", "str"]
    assert users.gender.value_counts().to_dict() == {"M": 670, "F": 273}
    assert users.occupation.nunique() == 21
    assert users.zip_code[7] == "05201"  # the leading zero of user 8 is kept
    assert not users.isna().any(axis=None)


def test_movies_are_the_published_ones(data):
    movies = data.movies.set_index("item_id")
    assert movies.index.tolist() == list(range(1, 1683)) == sorted(set(data.ratings.item_id))
    assert [str(dtype) for dtype in data.movies.dtypes] == ["int64", "str", "Int64", "object"]
    assert tuple(movies.loc[50])[:2] == ("Star Wars", 1977)
    assert movies.genres[1] == ("Animation", "Children's", "Comedy")
    assert movies.title[1633] == "Á köldum klaka (Cold Fever)"
    assert list(GENRES) == ["unknown", *sorted(GENRES[1:])]  # the order of u.genre
    counts = movies.genres.explode().value_counts()
    assert set(counts.index) == set(GENRES)
    assert (counts["Drama"], counts["Fantasy"], counts["unknown"]) == (725, 22, 2)


def test_the_two_defects_of_the_wheel_are_mended(data):
    movies = data.movies.set_index("item_id")
    assert movies.title[267] == "unknown"
    assert movies.index[movies.year.isna()].tolist() == [267]
    assert movies.title[1412] == "Land Before Time III: The Time of the Great Giving"
    assert (movies.year[1412], movies.year.min(), movies.year.max()) == (1995, 1922, 1998)


def test_the_data_cards_script_gives_its_numbers(data, capsys):
    exec(CARD.partition("```python\n")[2].partition("```")[0], {})
    printed = capsys.readouterr().out
    numbers = ("0.71", "0.7426", "[25.0, 31.0, 43.0]", "0.208", "0.319", "0.24,", "0.528", "0.4739")
    for number in numbers:  # what the prose rounds
        assert number in printed


def test_split_title():
    assert movielens.split_title("Seven (Se7en)  (1995) ") == ("Seven (Se7en)", 1995)
    assert movielens.split_title("Land Before Time III (1995) (V)")[1] == 1995
    assert movielens.split_title("Hamlet (1996/I)") == ("Hamlet", 1996)
    assert movielens.split_title("unknown") == ("unknown", None)


# --- both layouts, rebuilt from the tables --------------------------------------------------------


def table(frame, separator):
    rows = frame.itertuples(index=False)
    return "".join(separator.join(map(str, row)) + "\n" for row in rows).encode()


def official_members(data):
    """The tables as ml-100k.zip has them; dates and links, which nothing reads, are made up."""
    lines = []
    for item_id, title, year, genres in data.movies.itertuples(index=False):
        flags = "|".join(str(int(genre in genres)) for genre in GENRES)
        written = title if pd.isna(year) else f"{title} ({year})" + " (V)" * (item_id == 1412)
        lines.append(f"{item_id}|{written}|01-Jan-{year}||http://127.0.0.1/{title}|{flags}\n")
    items = "".join(lines).encode("latin-1")
    tables = (table(data.ratings, "\t"), table(data.users, "|"), items)
    return dict(zip(movielens.MEMBERS[ARCHIVE], tables, strict=True)) | {"../../evil": b"not read"}


def wheel_members(data):
    """The tables as the wheel has them, with its two defects, and the little that pip asks for."""
    movies = data.movies.assign(year=data.movies.year.astype("str"))
    movies["genres"] = movies.genres.map(" ".join)
    movies.loc[movies.item_id == 267, ["title", "year"]] = "unkonwn"
    movies.loc[movies.item_id == 1412, "title"] += " (1995)"
    movies.loc[movies.item_id == 1412, "year"] = "V"
    headers = (
        b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
        b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n",
        b"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n",
    )
    frames = (data.ratings, data.users, movies)
    tables = [head + table(frame, "\t") for head, frame in zip(headers, frames, strict=True)]
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return dict(zip(movielens.MEMBERS[WHEEL], tables, strict=True)) | {
        "recbole-1.2.1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1",
        "recbole-1.2.1.dist-info/WHEEL": tags,
        "recbole-1.2.1.dist-info/RECORD": b"",
    }


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, blob in members.items():
            archive.writestr(name, blob)
    return out.getvalue()


def sha256(blob):
    return hashlib.sha256(blob).hexdigest()


def assert_loads(expected):
    for one, other in zip(movielens.load(), expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_the_tables_written_as_the_official_files_have_their_published_checksums(data):
    published = dict(re.findall(r"^\| `(.+)` \| `(\w+)` \|$", CARD, re.MULTILINE))
    assert {name: published[name] for name in movielens.SHA256} == movielens.SHA256
    ratings, users, *_ = official_members(data).values()
    assert (sha256(ratings), sha256(users)) == (published["u.data"], published["u.user"])


# --- the fetch ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(data):
    return data._replace(ratings=data.ratings.head(200))


@pytest.fixture
def sources(monkeypatch, tmp_path, small):
    """Both sources, small: a folder that a server serves, and pip's only index."""
    (folder := tmp_path / "sources").mkdir()
    for name, members in ((ARCHIVE, official_members), (WHEEL, wheel_members)):
        (folder / name).write_bytes(zipped(members(small)))
        monkeypatch.setitem(movielens.SHA256, name, sha256((folder / name).read_bytes()))
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


@pytest.mark.parametrize("name", [ARCHIVE, WHEEL])
def test_each_source_serves(place, sources, small, name, capsys):
    (sources / {ARCHIVE: WHEEL, WHEEL: ARCHIVE}[name]).unlink()
    assert_loads(small)
    assert capsys.readouterr().out == ""  # which may be somebody's JSON
    assert movielens.fetch() == place / name
    assert str(place / name) in capsys.readouterr().out
    assert [path.name for path in place.iterdir()] == [name]
    assert not (place.parent / "evil").exists()


def test_both_layouts_give_the_same_tables(place, data, monkeypatch):
    place.mkdir(parents=True)
    for name, members in ((ARCHIVE, official_members), (WHEEL, wheel_members)):
        (place / name).write_bytes(zipped(members(data)))
        monkeypatch.setitem(movielens.SHA256, name, sha256((place / name).read_bytes()))
        assert_loads(data)
        (place / name).unlink()


def test_nothing_is_asked_of_the_network_once_data_is_there(place, small, monkeypatch, capsys):
    movielens.fetch()
    capsys.readouterr()
    for owner, name in ((socket, "socket"), (subprocess, "run"), (Path, "mkdir")):
        monkeypatch.setattr(owner, name, None)  # a call is a TypeError
    assert_loads(small)
    assert capsys.readouterr() == ("", "")


def test_a_wrong_file_is_not_read_and_a_right_one_takes_its_place(place, sources, small):
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes((sources / ARCHIVE).read_bytes()[:-1])
    assert_loads(small)
    assert movielens.fetch() == place / ARCHIVE


@pytest.mark.parametrize("served", [b"<html>log in to this network first</html>", None])
def test_an_error_says_what_was_tried_and_the_way_out(place, sources, served):
    for name in (ARCHIVE, WHEEL):
        (sources / name).unlink() if served is None else (sources / name).write_bytes(served)
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes(b"mine")
    with pytest.raises(DataError) as raised:
        movielens.load()
    message = str(raised.value)
    for part in (sha256(b"mine"), f"{ARCHIVE}:", f"{WHEEL}: pip", movielens.URL, str(place)):
        assert part in message
    assert f'pip download --no-deps --dest "{place}" recbole==1.2.1' in message
    assert "MICRODLRM_DATA" in message
    assert (place / ARCHIVE).read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_is_said_without_a_traceback(place):
    place.parent.write_text("a file stands where the folder should be")
    with pytest.raises(SystemExit, match=re.escape(str(place))):
        movielens._run(None)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_archive_has_the_mode_that_the_umask_gives(place, umask, mode):
    before = os.umask(umask)
    try:
        assert movielens.fetch().stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MICRODLRM_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert movielens.folder() == ROOT / "data" / "movielens" / "ml-100k"
    monkeypatch.setenv("MICRODLRM_DATA", "data/mine")
    assert movielens.folder() == ROOT / "data" / "mine"
    monkeypatch.setenv("MICRODLRM_DATA", "~/ratings")
    assert movielens.folder() == Path.home() / "ratings"
