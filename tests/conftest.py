import pytest

from microdlrm import movielens


@pytest.fixture(scope="session")
def data():
    """The real MovieLens-100K, fetched if it isn't there."""
    return movielens.load()
