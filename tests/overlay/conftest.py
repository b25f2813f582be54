"""Fixtures for the overlay's tests."""

import pytest


@pytest.fixture(params=["grid", "row", "single"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)
