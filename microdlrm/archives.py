"""Where MovieLens-100K may lie, and whether what lies there is it: by the checksums, whatever its name and packing."""

import contextlib
import errno
import hashlib
import io
import subprocess
import zipfile
from pathlib import PurePosixPath

ARCHIVE = "ml-100k.zip"
WHEEL = "recbole-1.2.1-py3-none-any.whl"

# Those of the extracted files are published in ankane/cmfrec-ruby, lib/cmfrec/data.rb, and elsewhere; the wheel's
# ratings and users, written in the official layout, have them too. tests/test_movielens.py does both.
SHA256 = {
    ARCHIVE: "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    WHEEL: "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    "u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
    "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
}
# Where the ratings, the users and the movies stand in each of the three forms.
MEMBERS = {
    ARCHIVE: ("ml-100k/u.data", "ml-100k/u.user", "ml-100k/u.item"),
    WHEEL: tuple(f"recbole/dataset_example/ml-100k/ml-100k.{end}" for end in ("inter", "user", "item")),
}
LOOSE = ("u.data", "u.user", "u.item")

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10, 30, 300
TEMPORARY = ".fetching-"  # a folder of this name is a fetch under way, or one that was killed


def there(target, tried):
    """Return (path, bytes of the three tables) if verified data lies there, or None; `tried` gets why not."""
    for path in _candidates(target):
        try:
            if path.is_dir():
                return path, [checked(path / name) for name in LOOSE]
            return path, _members(path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            tried.append(f"{path}: {reason(error)}")
    return None


def _candidates(target):
    """What may hold the data, here or a folder higher or lower: archives by their usual names, files, other zips."""
    places = (target, target / "ml-100k", target.parent)
    for name in MEMBERS:
        yield target / name
    for place in places:
        with contextlib.suppress(OSError, ValueError):  # a folder that may not be entered, or a name too long
            if (place / "u.data").exists():
                yield place
    for place in places:
        with contextlib.suppress(OSError, ValueError):
            yield from sorted(p for p in place.iterdir() if p.suffix.lower() == ".zip" and p != target / ARCHIVE)


def _members(path):
    """Return the three tables of an archive: by its own checksum, or, whatever its name and packing, by theirs."""
    blob, own = path.read_bytes(), MEMBERS.get(path.name)
    try:
        with zipfile.ZipFile(io.BytesIO(_verified(blob, path.name) if own else blob)) as archive:
            return [archive.read(name) for name in own] if own else _official_members(archive, path.name)
    except ValueError:
        if path.name == ARCHIVE:  # packed anew, perhaps
            with contextlib.suppress(ValueError, zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(blob)) as archive:
                return _official_members(archive, path.name)
        raise


def _official_members(archive, called):
    names = {PurePosixPath(name).name: name for name in reversed(archive.namelist())}  # in whatever folder
    if lacking := [name for name in LOOSE if name not in names]:
        raise ValueError(f"not MovieLens-100K: {called} holds no {' and no '.join(lacking)}")
    return [_verified(archive.read(names[name]), name) for name in LOOSE]


def checked(path):
    """Return the bytes of `path`; raise ValueError if their SHA-256 is not the published one."""
    return _verified(path.read_bytes(), path.name)  # hashed and parsed from memory: what was verified is what is read


def _verified(blob, name):
    if (came := hashlib.sha256(blob).hexdigest()) != SHA256[name]:
        text = " (line ends or encoding may have been changed on the way)" if name in LOOSE else ""
        raise ValueError(f"wrong checksum: {name} has SHA-256 {came}, expected {SHA256[name]}{text}")
    return blob


def holds(target):
    try:
        names = sorted(path.name for path in target.iterdir() if not path.name.startswith(TEMPORARY))
    except (OSError, ValueError) as error:
        return f"{target} can't be looked into: {reason(error)}"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{target} holds " + (f"{', '.join(names[:10])}{more}" if names else "nothing")


def reason(error):
    """Return in one line what went wrong, in words first."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"pip did not finish within {TOTAL_SECONDS} s"
    words = {
        "SSLError": "the server's certificate was refused",
        "ConnectTimeout": f"no connection within {CONNECT_SECONDS} s",
        "ConnectionError": "the connection failed",
        "ReadTimeout": f"no answer within {READ_SECONDS} s",
        errno.ENOSPC: "the disk is full",
        errno.EACCES: "no permission",
        errno.EPERM: "no permission",
        errno.EROFS: "the disk is read-only",
        errno.EEXIST: "a file stands where the folder should be",
    }
    plain = words.get(getattr(error, "errno", None)) or words.get(type(error).__name__)
    text = " ".join(str(error).split()).rpartition("Caused by ")[2] or type(error).__name__
    return f"{plain}: {text}" if plain else text
