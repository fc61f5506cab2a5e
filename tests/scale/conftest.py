import pytest

from microdlrm.scaling import study as scale


@pytest.fixture(scope="session")
def measured():
    """The whole measurement, once: 2 and 4 processes, some two minutes."""
    return scale.measure()
