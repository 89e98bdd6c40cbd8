"""Figures say what the rows say, and nothing of people's names is markup."""

import random
from dataclasses import replace

from core.analysis.charts import learning_curves, thin
from core.analysis.palette import STRATEGY_COLOURS, colours
from core.analysis.words import count, duration, percent, plain, points, rate, shortened
from core.experiment.metrics import Metrics
from core.experiment.run import Run, RunConfig, RunStatus
from core.experiment.strategy import TWO_PHASE

RUN = Run("20260101-000000-000-01-two-phase", RunConfig(), RunStatus())


def row(epoch: int, phase: int, unfreeze: int) -> dict:
    return {"epoch": epoch, "phase": phase, "unfreeze": unfreeze, "loss": 1 / epoch, "accuracy": epoch / 10,
            "val_loss": 2 / epoch, "val_accuracy": epoch / 20}


METRICS = Metrics((row(1, 1, 0), row(2, 1, 0), row(3, 2, 30)),
                  ({"epoch": 4, "done": 0.5, "loss": 9.0, "accuracy": 0.1},))


def test_training_is_solid_with_its_steps_and_validation_dashed():
    training, validation, star = learning_curves([RUN], {RUN.id: METRICS}, "accuracy").data
    assert training.line.dash == "solid" and list(training.x) == [1, 2, 3, 3.5] and list(training.y)[-1] == 0.1
    assert validation.line.dash == "dash" and list(validation.y) == [0.05, 0.1, 0.15]
    assert (star.x[0], star.y[0], star.marker.symbol) == (3, 0.15, "star")
    assert training.line.color == validation.line.color == STRATEGY_COLOURS["two-phase"]


def test_the_boundary_says_what_starts():
    figure = learning_curves([RUN], {RUN.id: METRICS}, "loss")
    assert [line.x0 for line in figure.layout.shapes] == [2.5]
    assert [note.text for note in figure.layout.annotations] == ["fine-tuning starts"]


def test_names_are_no_markup(monkeypatch):
    monkeypatch.setattr("core.experiment.run.Strategy.title", property(lambda self: "<b>x</b>"))
    figure = learning_curves([RUN], {RUN.id: METRICS}, "loss")
    assert "<b>" not in figure.data[0].name and "&lt;b&gt;" in figure.data[0].name
    assert plain("![x](http://y) <img> $a$ :red[b]") == r"\!\[x\]\(http\://y\) \<img\> \$a\$ \:red\[b\]"


def test_long_lines_are_thinned_and_keep_their_extremes():
    draw = random.Random(1)
    rows = [{"loss": draw.random(), "n": i} for i in range(20_000)]
    kept = thin(rows, 1_000, "loss")
    assert len(kept) <= 1_000 and [r["n"] for r in kept] == sorted(r["n"] for r in kept)
    assert min(r["loss"] for r in kept) == min(r["loss"] for r in rows)
    assert max(r["loss"] for r in kept) == max(r["loss"] for r in rows)


def test_further_strategies_get_colours_of_their_own():
    found = colours([TWO_PHASE.name, "unfreeze-11", "unfreeze-56"])
    assert found["two-phase"] == "#009E73" and len({found["unfreeze-11"], found["unfreeze-56"], "#009E73"}) == 3


def test_a_run_that_cannot_be_read_is_left_out():
    assert not learning_curves([replace(RUN, config=None)], {RUN.id: METRICS}, "loss").data


def test_figures_in_words():
    assert [percent(0.873), percent(None), points(0.031), rate(1e-4), rate(2.5e-4)] == [
        "87.3%", "–", "+3.1 points", "1e-4", "2.5e-4"]
    assert [duration(s) for s in (7, 59.6, 125, 4_000)] == ["7 s", "1 min 00 s", "2 min 05 s", "1 h 06 min"]
    assert [count(1, "run"), count(3, "class"), count(2_000, "epoch")] == ["1 run", "3 classes", "2,000 epochs"]
    assert len(shortened("a" * 300)) <= 60
