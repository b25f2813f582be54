"""What every test of the overlay may ask for."""

import pytest


@pytest.fixture(params=["grid", "row", "single"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)
