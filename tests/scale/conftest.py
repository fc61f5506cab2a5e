import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def findable(monkeypatch):
    """The processes find this folder's worker."""
    path = [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
