"""Learning-rate range test on the Train page, without a browser and without Keras."""

import numpy as np
import pytest
from pages_harness import open_page, texts
from streamlit.testing.v1 import AppTest

from core.analysis.statistics.lr_suggestion import suggest_rate
from core.execution.keras_service.client import KerasServiceError
from core.experiment.run_config import RunConfig

RATES = np.geomspace(1e-7, 1, 100)
FALL = 2 - 1 / (1 + np.exp(-8 * (np.log10(RATES) + 3))) + np.exp(np.minimum(4 * (np.log10(RATES) + 1), 5))


class Stub:
    """A Keras service that returns a fixed curve, or an error, and records the requests."""

    requests: list[tuple[RunConfig, int, int]]
    losses = FALL
    error = ""

    def __init__(self) -> None:
        Stub.requests, Stub.losses, Stub.error = [], FALL, ""

    def find_rate(self, config: RunConfig, manifest_csv: str, phase: int) -> tuple[tuple[float, float], ...]:
        Stub.requests.append((config, manifest_csv.count("\n") - 1, phase))
        if Stub.error:
            raise KerasServiceError(Stub.error)
        return tuple(zip(RATES.tolist(), Stub.losses.tolist(), strict=True))

    def close(self) -> None:
        return


@pytest.fixture(autouse=True)
def keras_service(monkeypatch):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Stub)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_a_suggested_rate_is_used_with_one_click(root):
    page = open_page("train")
    assert labels(page).count("Run range test") == 5, "one per phase, including the baseline"
    press(page, "card-2-phase-1-try")
    ((config, images, phase),) = Stub.requests
    assert [tested.unfreeze for tested in config.strategy.phases] == [0, 30] and (images, phase) == (600, 2)
    suggested = suggest_rate(tuple(zip(RATES.tolist(), FALL.tolist(), strict=True))).rate
    assert "Suggested: **" in texts(page) and "in the middle of the longest fall of the loss" in texts(page)
    slider = page.select_slider(key="card-2-phase-1-rate")
    assert slider.value == 1e-4 != suggested
    press(page, "card-2-phase-1-rate-take")
    assert page.select_slider(key="card-2-phase-1-rate").value == suggested
    assert page.button(key="card-2-phase-1-rate-take").disabled and len(Stub.requests) == 1, "the test is not run again"


def test_a_curve_is_shown_only_for_the_settings_it_was_measured_with(root):
    page = press(open_page("train"), "card-0-phase-0-try")
    page.number_input(key="card-0-phase-0-epochs").set_value(3).run()
    assert labels(page).count("Use this rate") == 1, "the number of epochs does not matter"
    page.slider(key="card-0-phase-0-depth").set_value(5).run()
    assert "Use this rate" not in labels(page)
    page.slider(key="card-0-phase-0-depth").set_value(0).run()
    assert labels(page).count("Use this rate") == 1 and len(Stub.requests) == 1
    page.select_slider(key="image-size").set_value(160).run()
    assert "Use this rate" not in labels(page)


def test_a_curve_without_a_suggestion_shows_the_reason(root):
    page = open_page("train")
    Stub.losses = np.linspace(1, 3, 100)
    press(page, "card-1-phase-0-try")
    assert "The loss only rises: no rate stands out" in texts(page) and "Use this rate" not in labels(page)


@pytest.mark.faults
def test_an_error_of_the_keras_service_is_shown_and_the_test_can_be_repeated(root):
    page = open_page("train")
    Stub.error = "Expected weights to be imagenet, sample, random, or a file; received <b>x</b>. Check the path."
    press(page, "card-0-phase-0-try")
    assert len(page.error) == 1 and r"\<b\>" in page.error[0].value
    Stub.error = ""
    press(page, "card-0-phase-0-try")
    assert not page.error and labels(page).count("Use this rate") == 1


def test_without_images_no_range_test_is_offered(root):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    assert "Run range test" not in labels(page) and not page.exception
