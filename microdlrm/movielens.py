"""MovieLens-100K: fetch it, verify it, read it into three DataFrames.

The data set may not be passed on, so this repository ships none of it: `load()` fetches it once and keeps the
archive as it came. Three sources, tried in this order, give the same three tables:

1. what already lies in the data folder: `ml-100k.zip`, its extracted files, or the wheel of source 3;
2. the official archive of GroupLens, whose server is often out of reach;
3. the wheel of recbole, a library that carries a copy, through your own pip. It is read, never installed.

Nothing is read before its SHA-256 is right, and nothing is extracted: the tables are read out of the archive.

Source: F. M. Harper and J. A. Konstan (2015), "The MovieLens Datasets: History and Context".
`data/README.md` holds the licence, the fields, the known defects and the biases.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pooch
from tqdm import tqdm

from microdlrm.archives import (
    ARCHIVE,
    CONNECT_SECONDS,
    READ_SECONDS,
    SHA256,
    TEMPORARY,
    TOTAL_SECONDS,
    WHEEL,
    checked,
    holds,
    reason,
    there,
)  # fmt: skip

URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
REQUIREMENT = "recbole==1.2.1"

STALE_SECONDS = 3600

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The 19 genres in the order of the official `u.genre`; the first, "unknown", is the lack of one."""


class MovieLens(NamedTuple):
    """The three tables of MovieLens-100K.

    ratings: 100,000 rows `user_id, item_id, rating, timestamp` (int64), in the original order and with the
        original ids, which count from 1; rating 1 to 5; timestamp in seconds since 1970, UTC.
    users: 943 rows `user_id, age` (int64), `gender` ("F" or "M"), `occupation`, `zip_code` (strings: some
        start with 0, some are Canadian).
    movies: 1,682 rows `item_id` (int64), `title` (without the year), `year` (Int64; missing for the one movie
        of title "unknown"), `genres` (a tuple of names, in the order of `GENRES`).
    """

    ratings: pd.DataFrame
    users: pd.DataFrame
    movies: pd.DataFrame


class DataError(RuntimeError):
    """MovieLens-100K isn't there and couldn't be fetched: what was tried, and what you can do by hand."""


def folder():
    """Return the data folder as a Path: `MICRODLRM_DATA`, or else `data/movielens/ml-100k` in the repository.

    A relative `MICRODLRM_DATA` is relative to the repository, wherever one stands in it: a notebook runs from its own
    folder, the commands from another. A package installed without its repository uses the current directory.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / "pyproject.toml").exists():
        root = Path.cwd()
    if named := os.environ.get("MICRODLRM_DATA"):
        with contextlib.suppress(RuntimeError):  # a "~" and no home: then a folder of that name, which isn't there
            named = Path(named).expanduser()
        return root / named
    return root / "data" / "movielens" / "ml-100k"


def load():
    """Return the data as `MovieLens(ratings, users, movies)`, fetching it first if it isn't there.

    Silent and offline when verified data lies in the data folder. Raises DataError as `fetch` does.
    """
    path, blobs = _obtain(folder())
    movies = _wheel_movies if path.suffix == ".whl" else _official_movies
    return MovieLens(_ratings(blobs[0]), _users(blobs[1]), movies(blobs[2]))


def fetch():
    """Make sure that verified data lies in the data folder; print which source served; return its Path.

    Returns at once when it does. Raises DataError if no source serves, or if nothing can be written.
    """
    path, _ = _obtain(folder())
    source = {".zip": "the official archive", ".whl": f"the copy in {REQUIREMENT}"}.get(path.suffix)
    _say(f"MovieLens-100K: {source or 'the extracted official files'}, verified: {path}", sys.stdout)
    return path


def add_options(command):
    """`python -m microdlrm fetch` has no options."""
    command.set_defaults(run=_run)


def _run(options):
    try:
        fetch()
    except DataError as error:
        _say(str(error))
        raise SystemExit(1) from None


# --- the three sources --------------------------------------------------------------------------------------


def _obtain(target):
    """Return (path, the bytes of the three tables), from the first source that serves."""
    tried = []
    found = there(target, tried)
    for line in tried:
        _say(f"Note: not read: {line}")
    if found:
        with contextlib.suppress(OSError):  # a folder that isn't ours to write
            _sweep(target)
        return found
    try:
        target.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        for name, get, what in (
            (ARCHIVE, _download, f"the official archive, {URL}"),
            (WHEEL, _pip_download, f"the wheel {REQUIREMENT}, through pip"),
        ):
            _say(f"Fetching MovieLens-100K: {what}")
            try:
                with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=target, ignore_cleanup_errors=True) as temporary:
                    new = Path(temporary) / name
                    get(new.parent)
                    checked(new)
                    new.chmod(0o666 & ~_umask())  # pooch writes under a temporary name, for its owner alone
                    _set_aside(target / name)
                    os.replace(new, target / name)  # atomic: a reader sees the whole file or none
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                tried.append(f"{what}: {reason(error)}")
                _say(f"  did not work: {reason(error)}")
            if found := there(target, []):  # ours, or that of another process that fetched at the same time
                return found
    except (OSError, ValueError) as error:
        tried.append(f"writing into {target}: {reason(error)}")
    raise DataError(_advice(target, tried))


class _Progress(tqdm):
    """A progress bar that ends a download which never stalls but never finishes either."""

    def __bool__(self):
        return True  # pooch asks whether there is a bar; tqdm would answer whether there is work

    def update(self, n=1):
        if time.monotonic() - self.start > TOTAL_SECONDS:
            raise TimeoutError(f"not finished after {TOTAL_SECONDS} s")
        return super().update(n)


def _download(temporary):
    pooch.get_logger().setLevel("WARNING")  # its own message names the temporary folder
    bar = _Progress(unit="B", unit_scale=True, ncols=79, disable=not sys.stderr.isatty())
    bar.start = time.monotonic()
    try:
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        downloader = pooch.HTTPDownloader(progressbar=bar, timeout=timeout)
        pooch.retrieve(URL, SHA256[ARCHIVE], fname=ARCHIVE, path=temporary, downloader=downloader)
    finally:
        bar.close()


def _pip_command(destination):
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--retries=1",
        "--disable-pip-version-check", "--no-input", f"--dest={destination}", REQUIREMENT,
    ]  # fmt: skip


def _pip_download(temporary):
    done = subprocess.run(
        _pip_command(temporary),
        stdin=subprocess.DEVNULL,
        stdout=None if sys.stdout.isatty() else subprocess.DEVNULL,  # pip's own progress bar
        stderr=subprocess.PIPE,
        timeout=TOTAL_SECONDS,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stderr.split("\n") if done.stderr else [f"exit code {done.returncode}"]
        lines = [line for line in lines if line.strip() and line != "ERROR: Exception:"]  # a traceback follows
        raise ValueError(f"pip failed: {([line for line in lines if line.startswith('ERROR')] or lines)[-1]}")


def _umask():
    mask = os.umask(0)  # there is no way to read it but to set it
    os.umask(mask)
    return mask


def _set_aside(path):
    """Rename a wrong file that holds the place of a right one: it may be yours, so it is never deleted."""
    try:
        checked(path)
    except FileNotFoundError:
        pass
    except ValueError:
        aside = path.with_name(f"{path.name}.wrong-{time.time_ns()}")
        path.rename(aside)
        _say(f"Note: {path.name} had the wrong checksum; it is now {aside.name}.")


def _sweep(target):
    """Remove what a killed fetch left, but not what another process is fetching now."""
    for left in target.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(FileNotFoundError):  # another process swept it
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _say(text, stream=None):
    """Print to standard error, for standard output may be someone's JSON; what its encoding lacks as a number."""
    stream = stream or sys.stderr
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _advice(target, tried):
    tried = "".join(f"\n  - {line}" for line in [*tried, holds(target)])
    by_hand = f'python -m pip download --no-deps --dest "{target}" {REQUIREMENT}'
    return (
        f"MovieLens-100K could not be fetched into {target}. Tried:{tried}\n"
        "What you can do:\n"
        f"  - download {URL} in a browser and put {ARCHIVE}, as it is, into {target}\n"
        f"  - or put {WHEEL} there, where pip reaches a package index: {by_hand}\n"
        "  - if that disk is full or not yours to write, name another folder in the variable MICRODLRM_DATA"
    )


# --- reading ------------------------------------------------------------------------------------------------


def _ratings(blob):
    names = ["user_id", "item_id", "rating", "timestamp"]
    return pd.read_csv(io.BytesIO(_headless(blob)), sep="\t", names=names, dtype="int64")


def _users(blob):
    names = ["user_id", "age", "gender", "occupation", "zip_code"]
    types = {"user_id": "int64", "age": "int64", "gender": "str", "occupation": "str", "zip_code": "str"}
    blob = _headless(blob).replace(b"\t", b"|")
    return pd.read_csv(io.BytesIO(blob), sep="|", names=names, dtype=types, keep_default_na=False)


def _headless(blob):
    """Return the table without the header line that the wheel gives it."""
    return blob.partition(b"\n")[2] if blob.startswith(b"user_id:") else blob


def _official_movies(blob):
    rows = []
    for line in blob.decode("latin-1").split("\n"):
        if line.strip():
            item_id, title, _date, _video_date, _url, *flags = line.split("|")
            genres = [genre for genre, flag in zip(GENRES, flags, strict=True) if int(flag)]
            rows.append((int(item_id), title, genres))
    return _movies(rows)


def _wheel_movies(blob):
    rows = []
    for line in blob.decode("utf-8").splitlines()[1:]:
        item_id, title, year, genres = line.split("\t")
        # Two defects: movie 267 has "unkonwn" twice; movie 1412 has "V" for a year and its year in the title,
        # which is the official title again once the two are put together.
        title = "unknown" if title == "unkonwn" else f"{title} ({year})"
        rows.append((int(item_id), title, genres.split()))
    return _movies(rows)


def _movies(rows):
    """Return the movie table of rows (id, title as GroupLens writes it, genre names in any order)."""
    ids, titles, genres = zip(*rows, strict=True)
    titles, years = zip(*map(split_title, titles), strict=True)
    return pd.DataFrame(
        {
            "item_id": pd.array(ids, dtype="int64"),
            "title": pd.array(titles, dtype="str"),
            "year": pd.array(years, dtype="Int64"),
            "genres": [tuple(sorted(names, key=GENRES.index)) for names in genres],
        }
    )


def split_title(text):
    """Return (title, year) of an official title: "Toy Story (1995)" gives ("Toy Story", 1995); no year, None.

    A mark after the year, as in "(1995) (V)" for a film made for video, is dropped, and so are double blanks.
    """
    text = " ".join(text.split())
    match = re.fullmatch(r"(.+) \((\d{4})(?:/[IVX]+)?\)(?: \((?:V|TV|VG)\))?", text)
    return (match[1], int(match[2])) if match else (text, None)
