"""MovieLens-100K: fetch it once, verify it, read it into three DataFrames.

The data set may not be passed on, so this repository ships none of it. Two sources give the same
three tables: the official archive of GroupLens, whose server is often out of reach, and the wheel
of recbole, a library that carries a copy, through your own pip. The wheel is read, never installed.
Nothing is read before its SHA-256 is right, and nothing is extracted.

Source: F. M. Harper and J. A. Konstan (2015), "The MovieLens Datasets: History and Context".
`data/README.md` holds the licence, the fields, the known defects and the biases.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import pandas as pd

URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
REQUIREMENT = "recbole==1.2.1"
ARCHIVE, WHEEL = "ml-100k.zip", "recbole-1.2.1-py3-none-any.whl"
SHA256 = {
    ARCHIVE: "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    WHEEL: "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
}
# Where the ratings, the users and the movies stand in each, and the columns of the first two.
MEMBERS = {
    ARCHIVE: [f"ml-100k/u.{end}" for end in ("data", "user", "item")],
    WHEEL: [f"recbole/dataset_example/ml-100k/ml-100k.{end}" for end in ("inter", "user", "item")],
}
RATINGS = dict(user_id="int64", item_id="int64", rating="int64", timestamp="int64")
USERS = dict(user_id="int64", age="int64", gender="str", occupation="str", zip_code="str")

# In the order of the official `u.genre`; the first, "unknown", is the lack of one.
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens(NamedTuple):
    """The three tables of MovieLens-100K.

    ratings: 100,000 rows `user_id, item_id, rating, timestamp` (int64), in the original order and
        with the original ids, which count from 1; rating 1 to 5; timestamp in seconds since 1970.
    users: 943 rows `user_id, age` (int64), `gender` ("F" or "M"), `occupation`, `zip_code`
        (strings: some start with 0, some are Canadian).
    movies: 1,682 rows `item_id` (int64), `title` (without the year), `year` (Int64; missing for the
        one movie of title "unknown"), `genres` (a tuple of names, in the order of `GENRES`).
    """

    ratings: pd.DataFrame
    users: pd.DataFrame
    movies: pd.DataFrame


class DataError(RuntimeError):
    """MovieLens-100K isn't there and couldn't be fetched: what was tried, and what you can do."""


def folder():
    """The data folder: `MICRODLRM_DATA`, or else `data/movielens/ml-100k`.

    Relative to the repository, so that it is one for the commands and for notebooks, which run in
    their own folder.
    """
    root = Path(__file__).resolve().parent.parent
    return root / Path(os.environ.get("MICRODLRM_DATA") or "data/movielens/ml-100k").expanduser()


def load():
    """Return the data as `MovieLens(ratings, users, movies)`, fetching it first if it isn't there.

    Silent and offline when verified data lies in the data folder. Raises DataError as `fetch` does.
    """
    path, blob = _obtain()
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        ratings, users, movies = (archive.read(name) for name in MEMBERS[path.name])
    movies = _movies(movies, official=path.name == ARCHIVE)
    return MovieLens(_table(ratings, RATINGS), _table(users, USERS), movies)


def fetch():
    """Make sure that verified data lies in the data folder; print which; return its Path.

    Raises DataError if no source serves, or if nothing can be written.
    """
    path, _ = _obtain()
    source = {ARCHIVE: "the official archive", WHEEL: f"the copy in {REQUIREMENT}"}[path.name]
    print(f"MovieLens-100K: {source}, verified: {path}")
    return path


def add_options(command):
    """`python -m microdlrm fetch` has no options."""
    command.set_defaults(run=_run)


def _run(options):
    try:
        fetch()
    except DataError as error:
        sys.exit(str(error))


# --- the two sources ------------------------------------------------------------------------------


def _obtain():
    """(path, bytes) of the verified archive or wheel: what lies there, or else what is fetched."""
    target, tried = folder(), []
    for name in MEMBERS:
        try:
            return target / name, _verified(name, (target / name).read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            tried.append(f"{target / name}: {error}")
    for name, get in ((ARCHIVE, _download), (WHEEL, _pip_download)):
        print(f"Fetching MovieLens-100K: {name}", file=sys.stderr, flush=True)
        try:
            target.mkdir(parents=True, exist_ok=True)
            blob = _verified(name, get())
            part = target / f"{name}.{os.getpid()}"
            part.write_bytes(blob)
            return part.replace(target / name), blob  # another process sees the whole file or none
        except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as error:
            tried.append(f"{name}: {error}")
    by_hand = f'python -m pip download --no-deps --dest "{target}" {REQUIREMENT}'
    raise DataError(
        f"MovieLens-100K could not be fetched into {target}. Tried:"
        + "".join(f"\n  - {line}" for line in tried)
        + "\nWhat you can do:\n"
        f"  - download {URL} in a browser and put {ARCHIVE}, as it is, into {target}\n"
        f"  - or put {WHEEL} there, where pip reaches a package index: {by_hand}\n"
        "  - if that disk is full or not yours to write, name another folder in MICRODLRM_DATA"
    )


def _verified(name, blob):
    if (came := hashlib.sha256(blob).hexdigest()) != SHA256[name]:
        raise ValueError(f"wrong checksum: SHA-256 {came}, expected {SHA256[name]}")
    return blob


def _download():
    with urllib.request.urlopen(URL, timeout=30) as answer:
        return answer.read()


def _pip_download():
    options = "--no-deps --only-binary=:all: --retries=1 --no-input --disable-pip-version-check"
    command = [sys.executable, "-m", "pip", "download", *options.split(), REQUIREMENT]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, "--dest", folder], capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise ValueError(f"pip failed: {lines[-1]}")
        return Path(folder, WHEEL).read_bytes()


# --- reading --------------------------------------------------------------------------------------


def _table(blob, types):
    """The official lines, or the wheel's, which stand below a header and have tabs all over."""
    tabs = io.BytesIO(blob.replace(b"|", b"\t"))
    below = int(blob.startswith(b"user_id:"))
    form = dict(sep="\t", names=[*types], dtype=types, keep_default_na=False)
    return pd.read_csv(tabs, skiprows=below, **form)


def _movies(blob, official):
    rows = []
    lines = blob.decode("latin-1" if official else "utf-8").strip().split("\n")
    for line in lines if official else lines[1:]:
        if official:
            item_id, title, _date, _video_date, _url, *flags = line.split("|")
            genres = [genre for genre, flag in zip(GENRES, flags, strict=True) if int(flag)]
        else:
            item_id, title, year, names = line.split("\t")
            # Two defects: movie 267 has "unkonwn" twice; movie 1412 has "V" for a year and its year
            # in the title, which is the official title again once the two are put together.
            title = "unknown" if title == "unkonwn" else f"{title} ({year})"
            genres = sorted(names.split(), key=GENRES.index)
        rows.append((int(item_id), *split_title(title), tuple(genres)))
    movies = pd.DataFrame(rows, columns=["item_id", "title", "year", "genres"])
    return movies.astype(dict(title="str", year="Int64"))


def split_title(text):
    """(title, year) of an official title: "Toy Story (1995)" gives ("Toy Story", 1995).

    A mark after the year, as in "(1995) (V)" for a film made for video, is dropped, and so are
    double blanks. A title without a year gives (title, None).
    """
    text = " ".join(text.split())
    match = re.fullmatch(r"(.+) \((\d{4})(?:/[IVX]+)?\)(?: \((?:V|TV|VG)\))?", text)
    return (match[1], int(match[2])) if match else (text, None)
