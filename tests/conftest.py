import pytest
from hypothesis import settings

from microdlrm import movielens

# A slow moment of the machine is no failure.
settings.register_profile("course", deadline=None)
settings.load_profile("course")


@pytest.fixture(scope="session")
def data():
    """The real MovieLens-100K, fetched if it isn't there."""
    return movielens.load()
