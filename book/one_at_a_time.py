"""Run a command while holding a lock, or say that somebody else does: `one_at_a_time.py LOCK COMMAND ...`.

Two builds of the book at once would delete each other's pages. The system drops the lock of a process that dies.
"""

import subprocess
import sys
from pathlib import Path


def take(path: Path):
    """The open file that holds the lock, or None if it is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def main(lock: str, *command: str) -> int:
    held = take(Path(lock))
    if held is None:
        print("Another `make book` is under way in this folder. Wait until it is done.", file=sys.stderr)
        return 1
    with held:
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
