"""Uploads of images on the Train page."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECOND = 1_000


def choose(page: Page, url: str, source: str) -> None:
    page.goto(f"{url}/train")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled(timeout=60 * SECOND)
    page.get_by_role("radio", name=source, exact=True).click()


def test_a_zip_of_class_folders_is_reported_and_can_be_used_for_training(server, page, tiny_folder, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "waste"), "zip", tiny_folder)
    choose(page, server.url, "ZIP")
    page.locator('input[type="file"]').set_input_files(archive)
    expect(page.get_by_text("60 images, 10 classes")).to_be_visible(timeout=60 * SECOND)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_an_uploaded_folder_is_reported_and_can_be_used_for_training(server, page, tiny_folder):
    choose(page, server.url, "Upload a folder")
    page.locator('input[type="file"]').set_input_files(str(tiny_folder))
    expect(page.get_by_text("60 images, 10 classes")).to_be_visible(timeout=60 * SECOND)


def test_a_file_that_is_not_a_zip_is_refused_in_one_line(server, page, tmp_path: Path):
    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(b"not a zip")
    choose(page, server.url, "ZIP")
    page.locator('input[type="file"]').set_input_files(str(wrong))
    expect(page.get_by_test_id("stAlert")).to_contain_text("Expected", timeout=60 * SECOND)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
