"""Addresses as people type them, and the pages that they mean."""

import pytest

from pages.parts.shared.navigation import meant_page


@pytest.mark.faults
@pytest.mark.parametrize(
    ("address", "page"),
    [("", ""), (" ", ""), ("HOME", ""), ("data ", "data"), ("Train", "train"), (" Predictions", "predict")],
)
def test_an_address_is_read_without_case_and_outer_spaces(address, page):
    assert meant_page(address) == page
