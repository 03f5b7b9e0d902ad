"""What the tests of the engine share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _small_arrays(one_thread):
    """Everything here is small."""
