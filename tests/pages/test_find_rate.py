"""Finding a learning rate on the Train page, without a browser and without Keras."""

import numpy as np
import pytest
from pages_harness import open_page, texts
from streamlit.testing.v1 import AppTest

from core.analysis.statistics.lr_suggestion import suggest
from core.execution.keras_service.client import KerasServiceError
from core.experiment.run_config import RunConfig

RATES = np.geomspace(1e-7, 1, 100)
FALL = 2 - 1 / (1 + np.exp(-8 * (np.log10(RATES) + 3))) + np.exp(np.minimum(4 * (np.log10(RATES) + 1), 5))


class Stub:
    """Stands for the assistant: knows one curve, and remembers what it was asked."""

    asked: list[tuple[RunConfig, int, int]]
    losses = FALL
    trouble = ""

    def __init__(self) -> None:
        Stub.asked, Stub.losses, Stub.trouble = [], FALL, ""

    def find_rate(self, config: RunConfig, manifest_csv: str, phase: int) -> tuple[tuple[float, float], ...]:
        Stub.asked.append((config, manifest_csv.count("\n") - 1, phase))
        if Stub.trouble:
            raise KerasServiceError(Stub.trouble)
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
    return [found.label for found in page.button]


def test_a_rate_is_found_and_taken_with_one_click(root):
    page = open_page("train")
    assert labels(page).count("Try rates") == 5, "one a phase, the baseline's too"
    press(page, "card-2-phase-1-try")
    ((config, images, phase),) = Stub.asked
    assert [one.unfreeze for one in config.strategy.phases] == [0, 30] and (images, phase) == (600, 2)
    suggested = suggest(tuple(zip(RATES.tolist(), FALL.tolist(), strict=True))).rate
    assert "Suggested: **" in texts(page) and "in the middle of the longest fall of the loss" in texts(page)
    slider = page.select_slider(key="card-2-phase-1-rate")
    assert slider.value == 1e-4 != suggested
    press(page, "card-2-phase-1-rate-take")
    assert page.select_slider(key="card-2-phase-1-rate").value == suggested
    assert page.button(key="card-2-phase-1-rate-take").disabled and len(Stub.asked) == 1, "nothing is asked again"


def test_the_curve_holds_for_its_settings_and_comes_back_with_them(root):
    page = press(open_page("train"), "card-0-phase-0-try")
    page.number_input(key="card-0-phase-0-epochs").set_value(3).run()
    assert labels(page).count("Take it") == 1, "how long a phase is does not matter"
    page.slider(key="card-0-phase-0-depth").set_value(5).run()
    assert "Take it" not in labels(page)
    page.slider(key="card-0-phase-0-depth").set_value(0).run()
    assert labels(page).count("Take it") == 1 and len(Stub.asked) == 1
    page.select_slider(key="image-size").set_value(160).run()
    assert "Take it" not in labels(page)


def test_a_curve_that_shows_no_rate_says_so(root):
    page = open_page("train")
    Stub.losses = np.linspace(1, 3, 100)
    press(page, "card-1-phase-0-try")
    assert "The loss only rises: no rate stands out" in texts(page) and "Take it" not in labels(page)


@pytest.mark.faults
def test_what_the_assistant_cannot_do_is_a_line_and_may_be_tried_again(root):
    page = open_page("train")
    Stub.trouble = "Expected weights: imagenet, sample, random, or a file; received <b>x</b>. Check the path."
    press(page, "card-0-phase-0-try")
    assert len(page.error) == 1 and r"\<b\>" in page.error[0].value
    Stub.trouble = ""
    press(page, "card-0-phase-0-try")
    assert not page.error and labels(page).count("Take it") == 1


def test_without_images_there_is_nothing_to_try_rates_on(root):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    assert "Try rates" not in labels(page) and not page.exception
