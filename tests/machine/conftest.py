import pytest
import torch

from microdlrm.machine.ceilings import measure_ceilings


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def ceilings():
    return measure_ceilings()
