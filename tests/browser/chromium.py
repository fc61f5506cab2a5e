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
    """The path of a Chromium, or None. If CHROMIUM names one, no other counts."""
    names = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else NAMES
    return next(filter(None, map(shutil.which, names)), None)


def install():
    """Debian's, where we may."""
    print("No Chromium here: installing Debian's.")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "--quiet", *command], env=quiet, check=False)


if __name__ == "__main__":
    named = "CHROMIUM" in os.environ
    if not find() and not named and shutil.which("apt-get") and os.getuid() == 0:
        install()
    sys.exit(None if find() else MISSING)
