"""Transfer learning from a terminal, with the same pipeline, runs and results as the dashboard.

Results are printed on standard output; progress, warnings and errors on standard error.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from core.analysis.comparison.headline import headline
from core.analysis.comparison.rates import describe_rates, rate_sweep_of
from core.analysis.comparison.verdict import judge
from core.analysis.results.growth_text import describe_growth
from core.analysis.results.settings import run_labels
from core.analysis.results.summary import Summary, progress, summarise
from core.analysis.text import count, duration, join_words, percent
from core.backbones.registry import DEFAULT_BASE, backbone, backbones
from core.backbones.weights import BUILT_IN_WEIGHTS, offline_weights, resolve_weights
from core.backbones.weights_file import WeightsError
from core.data.datasets.dataset import Dataset
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.groups import absolute_groups, group_summary, with_groups
from core.data.datasets.leakage import split_warnings
from core.data.datasets.reports import split_origin
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest
from core.data.growing_study import create_study
from core.data.study_plan import resolve_test_parts, with_weights
from core.execution.queue.launcher import Launcher
from core.execution.queue.prewarm import Prewarmer, PrewarmPolicy
from core.execution.queue.study_growth import grow_studies
from core.experiment.growth_limits import MAX_SEEDS, GrowthLimits
from core.experiment.guidelines import batch_size_warning, imbalance_warning, warnings
from core.experiment.named_strategies import (
    STRATEGY_CHOICES,
    SharedSettings,
)
from core.experiment.preset import Preset
from core.experiment.run_config import (
    EXACT,
    FROZEN_PRECISIONS,
    LAYOUTS,
    SAMPLE,
    TEST_PARTS,
    RunConfig,
    default_test_parts,
)
from core.experiment.runs.growth import Growth, GrowthState, expect_several
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import STUDY_ID, AnyRun, State, study_of
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Strategy
from core.machine.keras_backend import expect_backend
from core.machine.terminal import messages as console
from core.machine.terminal import results

DONE, FAILED, WRONG_ARGUMENTS, INTERRUPTED = 0, 1, 2, 130
POLL_SECONDS = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Train, resume or stop runs as the arguments specify, and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        preset = _build_preset(arguments)
    except ValueError as error:
        parser.error(str(error))
    try:
        store = RunStore(arguments.runs)
        if arguments.stop:
            return _stop(store, arguments.stop)
        expect_backend()
        run_ids = _resume(store, arguments) if arguments.resume else _start(store, preset)
        launcher = Launcher(store, prewarmer=Prewarmer(PrewarmPolicy(when_queue_is_empty=False)), grow=grow_studies)
        return _train(store, launcher, run_ids, arguments.json)
    except (ValueError, OSError, NoSuchRun) as error:
        console.print(str(error), style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Add the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, "") else super()._get_help_string(action)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="transfer_learning.py", description=__doc__, formatter_class=_HelpFormatter)
    add = parser.add_argument
    add("--data", default=SAMPLE, metavar="DIR", help="folder with one subfolder per class; sample: the drawn images")
    add(
        "--layout",
        default="auto",
        choices=LAYOUTS,
        help="how to read DIR. split: train, validation and test folders contain the classes; classes: each outer "
        "folder is a class; nested: each innermost folder is a class; auto: decide, or ask",
    )
    add(
        "--strategy",
        default="two-phase",
        choices=STRATEGY_CHOICES,
        help="all: the first three; depths: two-phase at each of several depths; "
        "rates: feature extraction at "
        "each of twelve learning rates; gradual: the head, then ever more layers, each time at a lower rate",
    )
    add(
        "--phase1-epochs",
        type=int,
        default=15,
        help="epochs with the base frozen; fine-tuning has one phase with the epochs of both together",
    )
    add(
        "--phase2-epochs",
        type=int,
        default=10,
        help="epochs with unfrozen layers; gradual: divided among the three depths",
    )
    add("--phase1-lr", type=float, default=1e-3, help="learning rate of phase 1; rates has its own")
    add(
        "--phase2-lr", type=float, default=1e-4, help="learning rate of phase 2; gradual: of its first part, then lower"
    )
    add(
        "--unfreeze",
        type=int,
        metavar="N",
        help="two-phase: layers unfrozen in phase 2, from the top of the base; by default "
        + ", ".join(f"{base.default_depth} of {base.title}" for base in backbones().values()),
    )
    add("--batch-size", type=int, default=32, help="images per training step, at least 2")
    add("--base", default=DEFAULT_BASE.name, choices=backbones(), help="base network")
    add(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="side of the input; by default the base's own, usually 224, or the sample base's",
    )
    add("--alpha", type=float, metavar="WIDTH", help="width of the base; by default 1.0, or the sample base's")
    add("--weights", metavar="imagenet|sample|random|PATH", help="imagenet, or sample if that is unavailable")
    add("--seed", type=int, default=0, help="first seed")
    add("--seeds", type=int, default=1, metavar="N", help="train with N seeds, from --seed on")
    add(
        "--until-settled",
        action="store_true",
        help="train 3 seeds of each strategy, then 5, 7, 10 and 20 until it is settled which one is best",
    )
    add(
        "--max-seeds",
        type=int,
        metavar="N",
        help=f"--until-settled: end after N seeds, 2 to {MAX_SEEDS}; by default {MAX_SEEDS}",
    )
    add(
        "--minutes",
        type=float,
        metavar="M",
        help="--until-settled: add no seeds after M minutes of training of all runs together",
    )
    add(
        "--test-parts",
        choices=TEST_PARTS,
        help="random: each seed draws its test images anew, 70/15/15; in-turn: five seeds test every image once, "
        "68/12/20; by default in-turn with three seeds or more, and with --until-settled",
    )
    add(
        "--views",
        type=int,
        default=4,
        help="augmented copies of each training image, used in turn; 0: a new copy in each epoch, 1: the image itself",
    )
    add(
        "--dropout",
        type=float,
        nargs="+",
        default=[0.5],
        metavar="SHARE",
        help="share of the hidden layer's outputs that each training step sets to 0, from 0 to below 1; several: "
        "each strategy trains with each of them",
    )
    add("--class-weights", action="store_true", help="weight each class in the loss by its inverse frequency")
    add("--no-reuse", action="store_true", help="compute the frozen layers in each epoch and cache no features")
    add(
        "--frozen-precision",
        choices=FROZEN_PRECISIONS,
        default=EXACT,
        help="exact: the frozen layers compute in 32 bits; fastest: for training in bfloat16, where the processor is "
        "faster with it and a check on 32 images passes. Test images are always computed exactly",
    )
    add(
        "--groups",
        default="",
        metavar="PATTERN|CSV",
        help="images that stay in one part of the split, such as those of one recording: a CSV file with columns path "
        "and group, or a regular expression with one capture group that is searched in the path below the class "
        r"folder, such as (.+)_\d+",
    )
    add(
        "--allow-near-duplicates",
        action="store_true",
        help="divide near-duplicates as if they were different images; the test accuracy may then be too high",
    )
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs")
    add(
        "--resume",
        metavar="ID",
        help="continue a stopped or failed run, or by its id a study that was started with --until-settled; "
        "one that ended at a limit needs a higher --max-seeds or --minutes",
    )
    add(
        "--stop",
        metavar="ID",
        help="stop a run that trains in the background, or by its id a study with all its runs",
    )
    add("--json", action="store_true", help="print the results as one JSON object on the last line")
    return parser


def _build_preset(arguments: argparse.Namespace) -> Preset:
    if arguments.until_settled and arguments.seeds > 1:
        raise ValueError("Expected --seeds or --until-settled; received both. Leave one out.")
    growing = arguments.until_settled or STUDY_ID.fullmatch(arguments.resume or "")
    if not growing and (limits := list(_given_limits(arguments))):
        options = join_words([f"--{name.replace('_', '-')}" for name in limits])
        alone = "it" if len(limits) == 1 else "them"
        raise ValueError(f"Expected --until-settled with {options}; received {alone} alone. Add --until-settled.")
    data = SAMPLE if arguments.data == SAMPLE else str(Path(arguments.data).expanduser().resolve())
    base = backbone(arguments.base)
    template = RunConfig(
        data=data,
        base=base.name,
        image_size=base.default_size,
        alpha=base.default_width,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        views=arguments.views,
        class_weights=arguments.class_weights,
        reuse=not arguments.no_reuse,
        frozen_precision=arguments.frozen_precision,
        layout=arguments.layout,
        leak_free=not arguments.allow_near_duplicates,
        groups=absolute_groups(arguments.groups),
        test_parts=arguments.test_parts or default_test_parts(_first_seeds(arguments)),
    )
    given = {name: getattr(arguments, name) for name in ("alpha", "image_size") if getattr(arguments, name)}
    template = replace(with_weights(template, _choose_weights(arguments, replace(template, **given))), **given)
    strategies = _choose_strategies(arguments)
    if arguments.until_settled:
        expect_several(strategies)
    return Preset(strategies, template, _first_seeds(arguments), _limits(arguments), tuple(arguments.dropout))


def _first_seeds(arguments: argparse.Namespace) -> int:
    """Number of seeds that are planned at once."""
    limits = _limits(arguments)
    return limits.looks[0] if limits else arguments.seeds


def _limits(arguments: argparse.Namespace) -> GrowthLimits | None:
    return _changed_limits(GrowthLimits(), arguments) if arguments.until_settled else None


def _changed_limits(limits: GrowthLimits, arguments: argparse.Namespace) -> GrowthLimits:
    """The limits with the values of the options that are given; errors name the options."""
    try:
        return replace(limits, **_given_limits(arguments))
    except ValueError as error:
        message = str(error).replace("Expected max_seeds", "Expected --max-seeds")
        raise ValueError(message.replace("Expected minutes", "Expected --minutes")) from error


def _given_limits(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("max_seeds", "minutes") if getattr(arguments, name) is not None}


def _choose_strategies(arguments: argparse.Namespace) -> tuple[Strategy, ...]:
    settings = SharedSettings(
        arguments.phase1_epochs,
        arguments.phase2_epochs,
        arguments.phase1_lr,
        arguments.phase2_lr,
        arguments.unfreeze,
        backbone(arguments.base),
    )
    return STRATEGY_CHOICES[arguments.strategy](settings)


def _choose_weights(arguments: argparse.Namespace, template: RunConfig) -> str:
    """Return the requested weights; by default ImageNet's, or the best alternative, with a message, if unavailable."""
    if arguments.weights or arguments.resume or arguments.stop:
        weights = arguments.weights or "random"
        return weights if weights in BUILT_IN_WEIGHTS else str(Path(weights).expanduser().resolve())
    try:
        resolve_weights(template.backbone, "imagenet", template.alpha, template.image_size)
    except WeightsError as error:
        weights, notice = offline_weights(template.backbone)
        console.print(f"{notice} ({error})", style="yellow", markup=False)
        return weights
    return "imagenet"


def _resume(store: RunStore, arguments: argparse.Namespace) -> list[str]:
    """Queue a run, or let a study grow again within the limits that are given; return the ids of the runs."""
    run_or_study = arguments.resume
    if STUDY_ID.fullmatch(run_or_study):
        growth = GrowthStore(store).load(run_or_study)
        GrowthStore(store).resume(run_or_study, _changed_limits(growth.limits, arguments) if growth else None)
        return [run.id for run in store.study(run_or_study).runs]
    store.requeue(run_or_study)
    return [run_or_study]


def _start(store: RunStore, preset: Preset) -> list[str]:
    """Create the runs of a study, which grows until it is settled if the preset has limits for it."""
    template = preset.template
    if preset.needs_base:
        resolve_weights(template.backbone, template.weights, template.alpha, template.image_size)
    with Progress(
        TextColumn("Reading images"), BarColumn(), TaskProgressColumn(), console=console, transient=True
    ) as bars:
        task = bars.add_task("", total=None)
        dataset = scan(
            data_folder(template.data),
            lambda done, total: bars.update(task, completed=done, total=total),
            template.layout,
        )
    _print_problems(dataset)
    study = create_study(store, preset, dataset)
    dataset = with_groups(dataset, template.groups)
    template, notice = resolve_test_parts(template, dataset)
    _print_data_report(dataset, Manifest.from_csv(store.manifest(study.runs[0].id)), template)
    if notice:
        console.print(notice, style="yellow", markup=False)
    for strategy in preset.strategies:
        for warning in warnings(strategy, base=template.backbone):
            console.print(warning, style="yellow", markup=False)
    if warning := batch_size_warning(template.batch_size):
        console.print(warning, style="yellow", markup=False)
    return [run.id for run in study.runs]


def _print_data_report(dataset: Dataset, manifest: Manifest, template: RunConfig) -> None:
    splits = ", ".join(f"{name} {number:,}" for name, number in manifest.counts().items())
    console.print(
        f"{dataset.root}: {count(len(dataset.images), 'image')}, {count(len(dataset.classes), 'class')}; {splits}",
        markup=False,
    )
    console.print(split_origin(dataset), markup=False)
    if groups := group_summary(dataset):
        console.print(groups, markup=False)
    for warning in split_warnings(dataset, manifest, template.leak_free, template.test_parts):
        console.print(warning, style="yellow", markup=False)
    if warning := imbalance_warning(dataset.counts):
        console.print(f"{warning} Option: --class-weights.", style="yellow", markup=False)


def _print_problems(dataset: Dataset) -> None:
    for problem in dataset.problems[:10]:
        console.print(f"  {problem.location}: {problem.reason}; {problem.consequence}", style="yellow", markup=False)
    if len(dataset.problems) > 10:
        console.print(f"  and {len(dataset.problems) - 10:,} more", style="yellow")


def _train(store: RunStore, launcher: Launcher, run_ids: list[str], as_json: bool) -> int:
    """Wait until the runs have ended, and those that are added to their study if it grows; print the results."""
    followed = _Followed(store, run_ids)
    interrupted = False
    try:
        _show_progress(store, followed)
    except KeyboardInterrupt:
        interrupted = True
        _stop_all(store, launcher, followed)
    finally:
        launcher.close()
    runs = [store.get(run_id) for run_id in followed.run_ids()]
    _print_summary(store, runs, followed.growth(), as_json)
    if interrupted or any(run.state is State.STOPPED for run in runs):
        return INTERRUPTED
    return DONE if all(run.state is State.COMPLETED for run in runs) else FAILED


@dataclass(frozen=True)
class _Followed:
    """The runs that the terminal waits for; if they are a growing study, also those that are added to it."""

    store: RunStore
    first: Sequence[str]

    def growth(self) -> Growth | None:
        growth = GrowthStore(self.store).load(study_of(self.first[0]))
        return growth if growth and len(self.first) > 1 else None  # a run alone may be resumed without its study

    def run_ids(self) -> list[str]:
        return [run.id for run in self.store.study(study_of(self.first[0])).runs] if self.growth() else [*self.first]


def _show_progress(store: RunStore, followed: _Followed) -> None:
    """Show one progress bar per run until all runs have ended and no more are added."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[state]}")
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        looks = len(growth.looks) if (growth := followed.growth()) else 0
        while True:
            growth = followed.growth()  # before the runs: when it has ended, no run can be missing
            _add_bars(store, bars, tasks, followed.run_ids())
            for look in growth.looks[looks:] if growth else ():
                console.print(f"{count(look.seeds, 'seed')} each: {look.finding}", markup=False)
            looks = len(growth.looks) if growth else 0
            ended = all([_update_bar(store, bars, run_id, task) for run_id, task in tasks.items()])
            if ended and (growth is None or growth.state is not GrowthState.GROWING):
                return
            time.sleep(POLL_SECONDS)


def _add_bars(store: RunStore, bars: Progress, tasks: dict[str, TaskID], run_ids: Sequence[str]) -> None:
    """Add a progress bar for each run that has none."""
    if new := [run_id for run_id in run_ids if run_id not in tasks]:
        names = run_labels([store.get(run_id) for run_id in run_ids])
        tasks |= {run_id: bars.add_task(names[run_id], total=1.0, state="queued") for run_id in new}


def _update_bar(store: RunStore, bars: Progress, run_id: str, task: TaskID) -> bool:
    run, metrics = store.get(run_id), store.metrics(run_id)
    done = progress(run, metrics)
    state = run.status.note or str(run.state)
    if run.state is State.RUNNING and not run.status.note:
        best = f", best {percent(metrics.best['val_accuracy'])}" if metrics.best else ""
        left = f", {duration(done.seconds_left)} left" if done.seconds_left else ""
        speed = f", {run.status.images_per_second:.0f} images/s" if run.status.images_per_second else ""
        state = f"epoch {done.epoch} of {done.epochs}{speed}{best}{left}"
    bars.update(task, completed=done.share, state=state)
    return run.state.is_finished


def _stop_all(store: RunStore, launcher: Launcher, followed: _Followed) -> None:
    console.print("Stopping; the best model so far is saved.")
    growth, run_ids = followed.growth(), followed.run_ids()
    if growth:
        GrowthStore(store).stop(growth.study)
        run_ids = followed.run_ids()  # some may have been added just before
    for run_id in run_ids:
        launcher.cancel(run_id)
    while not all(store.get(run_id).state.is_finished for run_id in run_ids):
        time.sleep(POLL_SECONDS)
    resumable = [run_id for run_id in run_ids if store.get(run_id).state.is_resumable]
    for resumed in [growth.study] if growth else resumable:
        console.print(
            f"To continue: python transfer_learning.py --resume {resumed} --runs {store.root}",
            markup=False,
            soft_wrap=True,
        )


def _stop(store: RunStore, run_or_study: str) -> int:
    """Stop a run, or the growth of a study and all its runs; wait until they have ended."""
    if STUDY_ID.fullmatch(run_or_study):
        GrowthStore(store).stop(run_or_study)  # first, so that no runs are added any more
        run_ids = [run.id for run in store.study(run_or_study).runs]
    else:
        run_ids = [run_or_study]
    launcher = Launcher(store, devices=lambda: ())  # without devices it stops runs and starts none
    for run_id in run_ids:
        launcher.cancel(run_id)
    while not all(store.get(run_id).state.is_finished for run_id in run_ids):
        time.sleep(POLL_SECONDS)
    launcher.close()
    for run_id in run_ids:
        results().print(f"{run_id}: {store.get(run_id).state}")
    return DONE


def _conclusion(store: RunStore, runs: Sequence[AnyRun], summaries: Sequence[Summary]) -> str:
    """The verdict; of a rate sweep instead the best rate by validation, because none is chosen by its test accuracy."""
    verdict = judge(store, runs)
    sweep = rate_sweep_of(verdict.groups, runs, summaries, verdict.margin)
    return describe_rates(sweep) if sweep and len(sweep.results) == len(verdict.groups) else headline(verdict)


def _print_summary(store: RunStore, runs: Sequence[AnyRun], growth: Growth | None, as_json: bool) -> None:
    summaries, names = [summarise(store, run) for run in runs], run_labels(runs)
    balanced = ["Balanced"] if any(row.is_unbalanced for row in summaries) else []
    table = Table("Run", "State", "Epochs", "Best", "Validation", "Test", *balanced, "F1", "Time")
    for row in summaries:
        table.add_row(
            names[row.id],
            row.state,
            str(row.epochs),
            str(row.best_epoch or "–"),
            percent(row.best_val_accuracy),
            percent(row.test_accuracy),
            *(percent(row.balanced_accuracy) for _ in balanced),
            percent(row.macro_f1),
            duration(row.seconds),
        )
    if growth and growth.looks:  # about the strategies that were still in the race
        verdict, text = growth.looks[-1].finding, describe_growth(growth)
    else:
        verdict = text = _conclusion(store, runs, summaries)
    for result in (table, text, f"Study {runs[0].study} in {store.root}"):
        results().print(result)
    for row in summaries:
        if row.error:
            console.print(f"{row.title}: {row.error}", style="red", markup=False)
    if as_json:
        grown = growth.to_json() if growth else {}
        looks = {name: grown[name] for name in ("looks", "state", "reason")} if growth else {}
        content = {"study": runs[0].study, "runs": [row.to_json() for row in summaries], "verdict": verdict}
        print(json.dumps(content | looks))


if __name__ == "__main__":
    sys.exit(main())
