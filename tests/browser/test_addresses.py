"""Addresses that have no page: old and common ones lead to the page they mean, others are answered in our words."""

import pytest
from playwright.sync_api import expect
from steps import SECOND

pytestmark = [pytest.mark.browser, pytest.mark.faults]


def test_old_addresses_lead_to_their_page_and_unknown_ones_are_named(server, page):
    page.goto(server.url)
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "Which transfer-learning strategy", timeout=60 * SECOND
    )
    for address, title, opened in (
        ("home", "Which transfer-learning strategy", ""),
        ("live?study=none", "Runs", "runs?study=none"),
        ("predictions", "Predict", "predict"),
        ("Data", "Data", "data"),
        ("data%20", "Data", "data"),
        ("LIVE%20?study=none", "Runs", "runs?study=none"),
        ("a%2Fb", "Page not found", "a-b"),
        ("no_where", "Page not found", "no_where"),
    ):
        page.goto(f"{server.url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(title, timeout=60 * SECOND)
        expect(page.get_by_text("The page that you have requested")).to_have_count(0)
        assert page.url == f"{server.url}/{opened}"
    expect(page.get_by_text("Expected the address of a page; received no_where.")).to_be_visible()
    page.get_by_role("link", name="Set up a study").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Set up a study", timeout=60 * SECOND)
