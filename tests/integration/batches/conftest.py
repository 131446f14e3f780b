"""Calls that these tests hold have time."""

import pytest


@pytest.fixture(autouse=True)
def unhurried(calls_may_be_held: None) -> None:
    """In every test."""
