"""Which Chromium the tests in the browser use: `python tests/browser/chromium.py` finds one, or
installs Debian's.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"""No Chromium: none of {", ".join(NAMES)} is on the PATH, and CHROMIUM names none.
Install it (Debian, Ubuntu: apt-get install chromium; Fedora: dnf install chromium;
macOS: brew install chromium), or name the browser that you have:
make test-browser CHROMIUM=/path/to/chrome"""


def find():
    """The path of a Chromium, or None. What CHROMIUM names goes first, and nothing else counts
    then.
    """
    named = os.environ.get("CHROMIUM")
    return next(
        (path for name in ([named] if named else NAMES) if (path := shutil.which(name))), None
    )


def install():
    """Debian's, if this is Debian and we may."""
    if (
        os.environ.get("CHROMIUM")
        or not shutil.which("apt-get")
        or not hasattr(os, "geteuid")
        or os.geteuid() != 0
    ):
        return
    print("No Chromium here: installing Debian's.", file=sys.stderr)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "--quiet", *command], env=quiet, stdout=sys.stderr, check=False)


def main():
    if not find():
        install()
    if path := find():
        print(path)
        return 0
    print(MISSING, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
