import pytest

from microdlrm.machine.ceilings import measure_ceilings


@pytest.fixture(scope="session")
def ceilings():
    return measure_ceilings()
