import pytest
from hypothesis import settings

from microdlrm import clicks, movielens

# A slow moment of the machine is no failure.
settings.register_profile("course", deadline=None)
settings.load_profile("course")


@pytest.fixture(scope="session")
def data():
    """The real MovieLens-100K, fetched if it isn't there."""
    return movielens.load()


@pytest.fixture(scope="session")
def split(data):
    return clicks.split(data)


@pytest.fixture(scope="session")
def prepared(data, split):
    """Bags of one id, and no others."""
    return clicks.prepare(data, split.train)


@pytest.fixture(scope="session")
def few(split):
    """A split small enough to train on in a moment."""
    return clicks.Split(split.train[:4000], split.validation[:2000], split.test[:2000])
