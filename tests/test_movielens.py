"""The real data against what is published about it; the fetch against everything that can go wrong."""

import errno
import hashlib
import http.server
import io
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pandas as pd
import pytest

from microdlrm import archives, movielens
from microdlrm.movielens import ARCHIVE, GENRES, WHEEL, DataError

# The data against the published facts -----------------------------------------------------------------------


def test_ratings_are_the_published_ones(data):
    ratings = data.ratings
    assert list(ratings.columns) == ["user_id", "item_id", "rating", "timestamp"]
    assert set(map(str, ratings.dtypes)) == {"int64"}
    assert ratings.rating.value_counts().sort_index().to_dict() == {
        1: 6_110, 2: 11_370, 3: 27_145, 4: 34_174, 5: 21_201,
    }  # fmt: skip
    assert (ratings.rating >= 4).sum() == 55_375
    assert (ratings.timestamp.min(), ratings.timestamp.max()) == (874724710, 893286638)
    assert not ratings.duplicated(["user_id", "item_id"]).any()
    assert ratings.user_id.value_counts().min() == 20  # "each user has rated at least 20 movies"
    assert ratings.iloc[0].tolist() == [196, 242, 3, 881250949]
    assert ratings.iloc[-1].tolist() == [12, 203, 3, 879959583]


def test_ids_count_from_one_without_gaps(data):
    assert data.users.user_id.tolist() == list(range(1, 944))
    assert data.movies.item_id.tolist() == list(range(1, 1683))
    assert set(data.ratings.user_id) == set(data.users.user_id)
    assert set(data.ratings.item_id) == set(data.movies.item_id)


def test_users_are_the_published_ones(data):
    users = data.users
    assert list(users.columns) == ["user_id", "age", "gender", "occupation", "zip_code"]
    assert users.gender.value_counts().to_dict() == {"M": 670, "F": 273}
    assert users.occupation.nunique() == 21
    assert (users.age.min(), users.age.max()) == (7, 73)
    assert [str(dtype) for dtype in users.dtypes] == ["int64", "int64", "str", "str", "str"]
    assert users.zip_code[7] == "05201"  # the leading zero of user 8 is kept
    assert not users.isna().any(axis=None)


def test_movies_are_the_published_ones(data):
    movies = data.movies.set_index("item_id")
    assert list(data.movies.columns) == ["item_id", "title", "year", "genres"]
    assert tuple(movies.loc[50])[:2] == ("Star Wars", 1977)
    assert movies.genres[1] == ("Animation", "Children's", "Comedy")
    assert movies.duplicated(["title", "year"]).sum() == 18
    assert movies.title[1633] == "Á köldum klaka (Cold Fever)"
    assert len(GENRES) == 19
    assert list(GENRES) == ["unknown", *sorted(GENRES[1:])]  # the order of u.genre, and so of u.item's flags
    assert [str(dtype) for dtype in data.movies.dtypes] == ["int64", "str", "Int64", "object"]
    counts = movies.genres.explode().value_counts()
    assert set(counts.index) == set(GENRES)
    assert (counts["Drama"], counts["Fantasy"], counts["unknown"]) == (725, 22, 2)
    assert all(list(names) == sorted(names, key=GENRES.index) and names for names in movies.genres)


def test_the_two_defects_of_the_wheel_are_mended(data):
    movies = data.movies.set_index("item_id")
    assert movies.title[267] == "unknown"
    assert movies.index[movies.year.isna()].tolist() == [267]
    assert movies.title[1412] == "Land Before Time III: The Time of the Great Giving"
    assert movies.year[1412] == 1995
    assert movies.year.min() == 1922
    assert movies.year.max() == 1998
    assert not movies.title.str.contains(r"unkonwn|\(\d{4}\)|^\s|\s$").any()


def test_data_card_names_the_hashes_and_its_script_runs(data, capsys):
    card = (pathlib.Path(__file__).parent.parent / "data" / "README.md").read_text(encoding="utf-8")
    for name, digest in movielens.SHA256.items():
        assert f"| `{name}` | `{digest}` |" in card
    exec(card.partition("```python\n")[2].partition("```")[0], {})
    printed = capsys.readouterr().out
    for number in "0.71 of users", "0.7426", "[25.0, 31.0, 43.0]", "0.208", "0.319", "0.24,", "0.528", "0.4739":
        assert number in printed  # what the prose rounds


@pytest.mark.parametrize(
    ("text", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Seven (Se7en) (1995)", "Seven (Se7en)", 1995),
        ("Marlene Dietrich: Shadow and Light (1996) ", "Marlene Dietrich: Shadow and Light", 1996),
        ("Land Before Time III (1995) (V)", "Land Before Time III", 1995),
        ("Hamlet (1996/I)", "Hamlet", 1996),
        ("1-900 (1994)", "1-900", 1994),
        ("2001: A  Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("Contempt (Mépris, Le) (1963)", "Contempt (Mépris, Le)", 1963),
        ("unknown", "unknown", None),
        ("(1995)", "(1995)", None),
    ],
)
def test_split_title(text, title, year):
    assert movielens.split_title(text) == (title, year)


# Both layouts, rebuilt from the tables ----------------------------------------------------------------------


def table(frame, separator):
    return "".join(separator.join(map(str, row)) + "\n" for row in frame.itertuples(index=False)).encode()


def official_members(data):
    """The three tables in the layout of ml-100k.zip; dates and links, which nothing reads, are made up."""
    lines = []
    for item_id, title, year, genres in data.movies.itertuples(index=False):
        flags = "|".join(str(int(genre in genres)) for genre in GENRES)
        written = title if pd.isna(year) else f"{title} ({year})"
        written += {1128: " ", 1201: " ", 1635: " ", 1412: " (V)"}.get(item_id, "")
        lines.append(f"{item_id}|{written}|01-Jan-{year}||http://127.0.0.1/title?{title}|{flags}\n")
    return {
        "ml-100k/README": b"not read",
        "ml-100k/u.data": table(data.ratings, "\t"),
        "ml-100k/u.user": table(data.users, "|"),
        "ml-100k/u.item": "".join(lines).encode("latin-1"),
    }


def wheel_members(data):
    """The three tables in the layout of the wheel, with its two defects, and the little that pip asks for."""
    movies = data.movies.copy()
    movies["year"] = movies.year.astype("str")
    movies["genres"] = movies.genres.map(" ".join)
    movies.loc[movies.item_id == 267, ["title", "year"]] = "unkonwn"
    movies.loc[movies.item_id == 1412, "title"] += " (1995)"
    movies.loc[movies.item_id == 1412, "year"] = "V"
    path, info = "recbole/dataset_example/ml-100k/ml-100k", "recbole-1.2.1.dist-info"
    headers = {
        "inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
        "user": b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n",
        "item": b"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n",
    }
    return {
        f"{path}.inter": headers["inter"] + table(data.ratings, "\t"),
        f"{path}.user": headers["user"] + table(data.users, "\t"),
        f"{path}.item": headers["item"] + table(movies, "\t"),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, blob in members.items():
            archive.writestr(name, blob)
    return out.getvalue()


def sha256(blob):
    return hashlib.sha256(blob).hexdigest()


def first(data, n=200):
    """A small data set: the first n ratings, all users, all movies."""
    return data._replace(ratings=data.ratings.head(n))


def assert_same(came, expected):
    for one, other in zip(came, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.fixture(scope="session")
def small(data):
    return first(data)


@pytest.fixture(scope="session")
def official(small):
    return zipped(official_members(small))


@pytest.fixture(scope="session")
def wheel(small):
    return zipped(wheel_members(small))


def test_rebuilt_tables_have_the_hashes_of_the_official_files(data):
    members = official_members(data)
    assert sha256(members["ml-100k/u.data"]) == movielens.SHA256["u.data"]
    assert sha256(members["ml-100k/u.user"]) == movielens.SHA256["u.user"]
    assert len(members["ml-100k/u.user"]) == 22_628


def test_rebuilt_wheel_is_the_wheel(data):
    path = movielens.folder() / WHEEL
    if not path.exists():
        pytest.skip("another source served the data here")
    with zipfile.ZipFile(path) as archive:
        for name, blob in wheel_members(data).items():
            if name.startswith("recbole/"):
                assert archive.read(name) == blob, name


# One source after the other ---------------------------------------------------------------------------------


class Server(http.server.ThreadingHTTPServer):
    """Serves `blob` under /good and breaks it in one way under each other path."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, blob):
        super().__init__(("127.0.0.1", 0), Handler)
        self.blob, self.requests = blob, []
        self.half_sent, self.release = threading.Event(), threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request, client_address):
        pass  # clients that go away are what these tests are about


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, blob = self.path.strip("/"), self.server.blob
        self.server.requests.append(path)
        if path == "hang":
            self.server.release.wait(20)
            return
        if path == "error":
            self.send_error(500)
            return
        body = b"<html>log in to this network first</html>" if path == "wrong" else blob
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if path == "truncated":
            return
        if path == "stall":
            self.server.half_sent.set()
            self.server.release.wait(20)
            return
        if path == "drip":
            for start in range(half, len(body), 10):
                if self.server.release.wait(0.005):
                    return
                self.wfile.write(body[start : start + 10])
        else:
            self.wfile.write(body[half:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(official):
    server = Server(official)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def command(code):
    return lambda destination: [sys.executable, "-c", code.replace("DEST", str(destination)).replace("WHEEL", WHEEL)]


NO_PIP = "import sys; sys.exit('WARNING: x\\nERROR: No matching distribution found')"


@pytest.fixture
def place(monkeypatch, tmp_path, official, wheel, server):
    """An empty data folder, a server that works, a pip that fails, and the small archives' hashes."""
    target = tmp_path / "some where" / "ml-100k"
    monkeypatch.setenv("MICRODLRM_DATA", str(target))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(movielens, "URL", server.url("good"))
    monkeypatch.setattr(movielens, "_pip_command", command(NO_PIP))
    monkeypatch.setitem(movielens.SHA256, ARCHIVE, sha256(official))
    monkeypatch.setitem(movielens.SHA256, WHEEL, sha256(wheel))
    return target


@pytest.fixture
def pip(monkeypatch, tmp_path, wheel):
    """The real pip, whose only index is a folder with the small wheel."""
    index = tmp_path / "index"
    index.mkdir()
    (index / WHEEL).write_bytes(wheel)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", index.as_uri())
    monkeypatch.setattr(movielens, "_pip_command", PIP_COMMAND)
    return index


PIP_COMMAND = movielens._pip_command


def names(target):
    return sorted(path.name for path in target.iterdir())


def test_official_archive(place, small, server, capsys):
    path = movielens.fetch()
    assert path == place / ARCHIVE
    assert "the official archive, verified" in capsys.readouterr().out
    assert_same(movielens.load(), small)
    assert names(place) == [ARCHIVE]
    assert server.requests == ["good"]


def test_load_prints_nothing_to_standard_output(place, capsys):
    movielens.load()
    assert capsys.readouterr().out == ""


def test_pip_serves_when_the_official_server_does_not(place, pip, small, server, monkeypatch, capsys):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    assert movielens.fetch() == place / WHEEL
    captured = capsys.readouterr()
    assert "500 Server Error" in captured.err
    assert "recbole==1.2.1, verified" in captured.out
    assert_same(movielens.load(), small)
    assert names(place) == [WHEEL]


def test_both_layouts_give_the_same_tables(place, data, monkeypatch):
    """All 100,000 ratings, 943 users and 1,682 movies, through each reader."""
    place.mkdir(parents=True)
    for name, members in ((ARCHIVE, official_members(data)), (WHEEL, wheel_members(data))):
        blob = zipped(members)
        (place / name).write_bytes(blob)
        monkeypatch.setitem(movielens.SHA256, name, sha256(blob))
        assert_same(movielens.load(), data)
        (place / name).unlink()


@pytest.mark.parametrize("inside", ["", "ml-100k"])
def test_extracted_files(place, small, monkeypatch, inside):
    (place / inside).mkdir(parents=True)
    for name, blob in official_members(small).items():
        (place / inside / name.split("/")[1]).write_bytes(blob)
        monkeypatch.setitem(movielens.SHA256, name.split("/")[1], sha256(blob))
    assert movielens.fetch() == place / inside
    assert_same(movielens.load(), small)


def test_damaged_extracted_file_is_not_read(place, small, monkeypatch, capsys):
    place.mkdir(parents=True)
    for name, blob in official_members(small).items():
        monkeypatch.setitem(movielens.SHA256, name.split("/")[1], sha256(blob))
        (place / name.split("/")[1]).write_bytes(blob.replace(b"|", b";") if name.endswith("user") else blob)
    assert_same(movielens.load(), small)
    assert "u.user has SHA-256" in capsys.readouterr().err
    assert names(place) == ["README", ARCHIVE, "u.data", "u.item", "u.user"]


def test_nothing_is_asked_of_the_network_once_data_is_there(place, small, monkeypatch, capsys):
    movielens.fetch()
    capsys.readouterr()

    def refuse(*_, **__):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(pathlib.Path, "mkdir", refuse)
    assert_same(movielens.load(), small)
    assert capsys.readouterr() == ("", "")


def test_folder(monkeypatch, tmp_path):
    root = pathlib.Path(__file__).resolve().parent.parent
    monkeypatch.delenv("MICRODLRM_DATA", raising=False)
    assert movielens.folder() == root / "data" / "movielens" / "ml-100k"
    monkeypatch.setenv("MICRODLRM_DATA", "~/ratings")
    assert movielens.folder() == pathlib.Path.home() / "ratings"
    monkeypatch.delenv("MICRODLRM_DATA")
    monkeypatch.setattr(movielens, "__file__", str(tmp_path / "site-packages" / "microdlrm" / "movielens.py"))
    monkeypatch.chdir(tmp_path)
    assert movielens.folder() == tmp_path / "data" / "movielens" / "ml-100k"


# What goes wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("truncated", "Connection broken: IncompleteRead"),
        ("wrong", "does not match the known hash"),
        ("hang", "no answer within"),
        ("stall", "Read timed out"),
        ("drip", "not finished after"),
        ("error", "500 Server Error"),
    ],
)
def test_bad_server_and_no_pip_say_so_once_and_leave_nothing(place, server, monkeypatch, path, expected):
    monkeypatch.setattr(movielens, "URL", server.url(path))
    for module in (movielens, archives):
        monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    for module in (movielens, archives):
        monkeypatch.setattr(module, "TOTAL_SECONDS", 1)
    start = time.monotonic()
    with pytest.raises(DataError, match=expected) as raised:
        movielens.load()
    assert time.monotonic() - start < 5
    message = str(raised.value)
    assert "pip failed: ERROR: No matching distribution found" in message
    assert f"put {ARCHIVE}, as it is, into {place}" in message
    assert f'pip download --no-deps --dest "{place}" recbole==1.2.1' in message
    assert "MICRODLRM_DATA" in message
    assert names(place) == []
    assert server.requests == [path]  # one try


def test_server_that_refuses_connections(place, server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setattr(movielens, "URL", f"http://127.0.0.1:{port}/ml-100k.zip")
    with pytest.raises(DataError, match=r"the connection failed: .*refused"):
        movielens.load()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import time; time.sleep(20)", "pip did not finish within 1 s"),
        ("import runpy; runpy.run_module('no_pip_here')", "No module named no_pip_here"),
        (
            "import pathlib; pathlib.Path(r'DEST', 'WHEEL').write_bytes(b'x')",
            "wrong checksum",
        ),
        ("pass", "No such file"),
        ("raise SystemExit(3)", "exit code 3"),
        (
            "import sys; print('ERROR: Exception:', file=sys.stderr); raise OSError(28, 'full')",
            "OSError: .Errno 28. full",
        ),
    ],
)
def test_failing_pip(place, server, monkeypatch, code, expected):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    for module in (movielens, archives):
        monkeypatch.setattr(module, "TOTAL_SECONDS", 1)
    monkeypatch.setattr(movielens, "_pip_command", command(code))
    with pytest.raises(DataError, match=expected):
        movielens.load()
    assert names(place) == []


@pytest.mark.parametrize("blob", [b"", b"PK nonsense", None])
def test_damaged_archive_is_set_aside_when_a_good_one_comes(place, small, official, blob, capsys):
    place.mkdir(parents=True)
    damaged = official[:-1] if blob is None else blob
    (place / ARCHIVE).write_bytes(damaged)
    assert_same(movielens.load(), small)
    kept, aside = names(place)
    assert kept == ARCHIVE
    assert aside.startswith(f"{ARCHIVE}.wrong-")
    assert (place / aside).read_bytes() == damaged
    assert "wrong checksum; it is now" in capsys.readouterr().err


def test_damaged_archive_stays_and_is_named_when_nothing_replaces_it(place, server, monkeypatch):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes(b"mine")
    with pytest.raises(DataError, match=r"ml-100k.zip: wrong checksum: .*expected"):
        movielens.load()
    assert (place / ARCHIVE).read_bytes() == b"mine"


def test_damaged_archive_beside_a_good_wheel_is_noted(place, small, wheel, capsys):
    place.mkdir(parents=True)
    (place / ARCHIVE).write_bytes(b"mine")
    (place / WHEEL).write_bytes(wheel)
    assert_same(movielens.load(), small)
    assert "not read" in capsys.readouterr().err
    assert names(place) == [ARCHIVE, WHEEL]


def raising(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("module", "function", "number", "expected"),
    [
        (os, "replace", errno.ENOSPC, "the disk is full"),
        (shutil, "move", errno.ENOSPC, "the disk is full"),  # how pooch ends a download
        (os, "replace", errno.EACCES, "no permission"),
        (pathlib.Path, "mkdir", errno.EACCES, "no permission"),
        (pathlib.Path, "mkdir", errno.EROFS, "the disk is read-only"),
        (movielens.tempfile, "mkdtemp", errno.EACCES, "no permission"),
    ],
)
def test_cannot_write(place, monkeypatch, module, function, number, expected):
    monkeypatch.setattr(module, function, raising(number))
    with pytest.raises(DataError, match=expected):
        movielens.load()
    assert not place.exists() or names(place) == []


def test_data_folder_that_is_a_file(place):
    place.parent.mkdir(parents=True)
    place.write_text("not a folder")
    with pytest.raises(DataError, match="a file stands where the folder should be"):
        movielens.load()


def test_archive_with_a_path_out_of_its_folder_writes_nothing(place, small, tmp_path, monkeypatch, server):
    members = official_members(small) | {"../../evil": b"evil", "/tmp/microdlrm-evil": b"evil"}
    server.blob = zipped(members)
    monkeypatch.setitem(movielens.SHA256, ARCHIVE, sha256(server.blob))
    before = set(tmp_path.rglob("*"))
    assert_same(movielens.load(), small)
    new = set(tmp_path.rglob("*")) - before
    assert new == {place.parent, place, place / ARCHIVE}
    assert not os.path.exists("/tmp/microdlrm-evil")


# Killed, or two at once -------------------------------------------------------------------------------------


def in_another_process(url):
    package = str(pathlib.Path(movielens.__file__).parent)
    code = (
        "import sys, types\n"
        "sys.modules['microdlrm'] = types.ModuleType('microdlrm')\n"  # without its front door, which imports torch
        f"sys.modules['microdlrm'].__path__ = [{package!r}]\n"
        "from microdlrm import movielens\n"
        f"movielens.URL = {url!r}\n"
        f"movielens.SHA256.update({movielens.SHA256!r})\n"
        "movielens.fetch()\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_killed_fetch_leaves_nothing_that_is_read(place, small, server):
    with in_another_process(server.url("stall")) as process:
        assert server.half_sent.wait(20)
        time.sleep(0.1)
        process.kill()
    left = names(place)
    assert [name.startswith(movielens.TEMPORARY) for name in left] == [True]
    assert any((place / left[0]).iterdir())  # half an archive

    assert_same(movielens.load(), small)
    assert names(place) == [*left, ARCHIVE]  # it could be another process's fetch under way
    (place / ARCHIVE).unlink()
    os.utime(place / left[0], (0, 0))
    assert_same(movielens.load(), small)
    assert names(place) == [ARCHIVE]


def test_two_processes_at_once(place, small, server):
    (place / "x").parent.mkdir(parents=True)
    processes = [in_another_process(server.url("good")) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert b"the official archive, verified" in out
    assert names(place) == [ARCHIVE]
    assert_same(movielens.load(), small)


def test_another_process_places_it_first(place, small, official, server, monkeypatch):
    """The other one's good archive is neither set aside nor waited for."""

    def slow(temporary):
        (place / ARCHIVE).write_bytes(official)
        raise OSError("lost the connection")

    monkeypatch.setattr(movielens, "_download", slow)
    assert_same(movielens.load(), small)
    assert names(place) == [ARCHIVE]


def test_progress_is_shown_on_a_terminal_only(place, monkeypatch, capsys):
    movielens.fetch()
    assert "100%" not in capsys.readouterr().err
    (place / ARCHIVE).unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    movielens.fetch()
    assert "100%" in capsys.readouterr().err


def test_pip_command_names_this_python_and_installs_nothing():
    words = PIP_COMMAND("folder")
    assert words[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in words
    assert "--dest=folder" in words
    assert words[-1] == "recbole==1.2.1"


# The data under other names, in other places, and for other people ------------------------------------------


@pytest.fixture
def parts(small, monkeypatch):
    """The three official tables, small, and their checksums as the known ones."""
    members = {name.split("/")[1]: blob for name, blob in official_members(small).items()}
    for name in archives.LOOSE:
        monkeypatch.setitem(movielens.SHA256, name, sha256(members[name]))
    return members


@pytest.mark.parametrize("name", ["ml-100k (1).zip", "archive.zip", "ML-100K.ZIP", "ml-100k.zip"])
@pytest.mark.parametrize("folder", ["ml-100k/", "", "a/ml-100k/"])
def test_another_archive_of_the_same_tables(place, small, parts, name, folder, server):
    place.mkdir(parents=True)
    (place / name).write_bytes(zipped({folder + n: blob for n, blob in parts.items()} | {"__MACOSX/._u.data": b""}))
    assert movielens.fetch() == place / name
    assert_same(movielens.load(), small)
    assert server.requests == []


def test_one_folder_too_high(place, small, official, parts):
    place.mkdir(parents=True)
    (place.parent / "ml-100k (2).zip").write_bytes(official)
    assert movielens.fetch() == place.parent / "ml-100k (2).zip"
    assert_same(movielens.load(), small)


def test_what_lies_there_and_does_not_serve_is_named(place, parts, server, monkeypatch):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    place.mkdir(parents=True)
    (place / "holiday.zip").write_bytes(zipped({"beach.jpg": b""}))
    (place / "renamed.zip").write_bytes(b"no archive")
    (place / "notes.txt").touch()
    for name in archives.LOOSE:
        (place / name).write_bytes(parts[name].replace(b"\n", b"\r\n"))
    with pytest.raises(DataError) as raised:
        movielens.load()
    message = str(raised.value)
    assert "holiday.zip holds no u.data and no u.user and no u.item" in message
    assert "renamed.zip: File is not a zip file" in message
    assert "line ends or encoding may have been changed on the way" in message
    assert re.search(r"ml-100k holds holiday\.zip, notes\.txt, renamed\.zip, u\.data, u\.item, u\.user\n", message)


def test_a_broken_member_is_not_read(place, parts, server, monkeypatch):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    place.mkdir(parents=True)
    (place / "archive.zip").write_bytes(zipped(parts | {"u.user": b"1|24|M|technician|85711\n"}))
    with pytest.raises(DataError, match=r"archive\.zip: wrong checksum: u\.user has SHA-256"):
        movielens.load()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_archive_has_the_mode_that_the_umask_gives(place, umask, mode):
    before = os.umask(umask)
    try:
        assert movielens.fetch().stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_a_relative_folder_is_one_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MICRODLRM_DATA", "data/mine")
    here = movielens.folder()
    monkeypatch.chdir(tmp_path)
    assert movielens.folder() == here == pathlib.Path(movielens.__file__).parent.parent / "data/mine"


@pytest.mark.parametrize("named", ["~nobody-of-this-name/x", "x" * 300, "a\0b"])
def test_a_folder_that_cannot_be_is_a_data_error(monkeypatch, named):
    monkeypatch.setattr(movielens, "folder", lambda: pathlib.Path(named).absolute())
    monkeypatch.setattr(movielens, "_download", lambda temporary: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.setattr(movielens, "_pip_command", command(NO_PIP))
    if named.startswith("~"):
        monkeypatch.undo()
        monkeypatch.setenv("MICRODLRM_DATA", named)
        assert movielens.folder().name == "x"
        return
    with pytest.raises(DataError, match="could not be fetched"):
        movielens.load()


def test_a_home_that_is_not_known_is_no_crash(monkeypatch):
    def homeless(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(pathlib.Path, "expanduser", homeless)
    monkeypatch.setenv("MICRODLRM_DATA", "~/x")
    assert movielens.folder().parts[-2:] == ("~", "x")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_path_that_the_output_cannot_show(place, monkeypatch, encoding):
    monkeypatch.setenv("MICRODLRM_DATA", str(place / "Łukasz"))
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    movielens.fetch()
    out.flush()
    assert b"verified: " in out.buffer.getvalue()


def test_the_command_says_what_went_wrong_without_a_traceback(place, server, monkeypatch, capsys):
    monkeypatch.setattr(movielens, "URL", server.url("error"))
    with pytest.raises(SystemExit) as raised:
        movielens._run(None)
    assert raised.value.code == 1
    assert "could not be fetched" in capsys.readouterr().err


def test_what_a_killed_fetch_left_is_swept_even_where_nothing_is_fetched(place):
    movielens.fetch()
    left = place / f"{movielens.TEMPORARY}abc"
    left.mkdir()
    os.utime(left, (0, 0))
    movielens.load()
    assert names(place) == [ARCHIVE]


def test_the_published_titles_that_end_in_a_blank():
    assert movielens.split_title("Top Hat (1935) ") == ("Top Hat", 1935)
