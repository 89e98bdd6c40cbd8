"""Settings of runs as text, and labels that distinguish runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.analysis.text import count, shorten, study_time
from core.backbones.registry import backbones
from core.experiment.group_pattern import is_csv
from core.experiment.run_config import IN_TURN, RANDOM, SAMPLE, RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import ALL_LAYERS, FROM_SCRATCH, Phase, rate

TEST_PARTS_NAMES = {RANDOM: "random", IN_TURN: "in turn"}
_WEIGHTS = {"imagenet": "ImageNet", "sample": "sample base (drawn images)", "random": "none (random)"}


def settings_of(config: RunConfig) -> dict[str, str]:
    """All settings of a run as text, by the name that the pages use."""
    augmentation = config.augmentation
    changes = [
        name
        for name, is_on in (
            ("flip", augmentation.flip),
            (f"rotate {augmentation.rotation:g}", augmentation.rotation),
            (f"zoom {augmentation.zoom:g}", augmentation.zoom),
            (f"contrast {augmentation.contrast:g}", augmentation.contrast),
        )
        if is_on
    ]
    phases = {f"Phase {i}": describe_phase(config, phase) for i, phase in enumerate(config.strategy.phases, start=1)}
    return {
        "Strategy": config.strategy.title,
        **phases,
        "Images": data_name(config.data),
        "Folders read as": config.layout,
        "Seed": _seed(config),
        "Test parts": TEST_PARTS_NAMES[config.test_parts],
        "Batch size": str(config.batch_size),
        "Image size": f"{config.image_size} px",
        "Base": base_name(config.base),
        "Width (alpha)": f"{config.alpha:g}",
        "Pretrained weights": weights_name(config.weights),
        "Augmentation": ", ".join(changes) or "none",
        "Augmented copies per image": _augmented_copies(config),
        "Patience": str(config.patience) if config.patience else "no early stopping",
        "Dropout": f"{config.dropout:g}",
        "Near-duplicates": "kept together" if config.leak_free else "divided",
        **({"Groups": group_setting(config.groups)} if config.groups else {}),
        "Class weights": _yes_or_no(config.class_weights),
        "Deterministic": _yes_or_no(config.deterministic),
        "Mixed precision": _yes_or_no(config.mixed_precision),
        "Frozen features": _frozen_features(config),
        **({"Precision of cached features": config.frozen_precision} if config.reuse else {}),
    }


def describe_phase(config: RunConfig, phase: Phase) -> str:
    """A phase of this configuration, e.g. `10 epochs, 30 of 100 layers, rate 1e-4`."""
    base = backbones().get(config.base)
    number = base.layers if base and phase.unfreeze == ALL_LAYERS else phase.unfreeze
    special = {0: "head only", FROM_SCRATCH: "whole network", ALL_LAYERS: "all layers"}
    depth = special.get(number, f"{number} of {base.layers} layers" if base else f"{number} layers")
    return f"{count(phase.epochs, 'epoch')}, {depth}, rate {rate(phase.learning_rate)}"


def data_name(data: str) -> str:
    """Display name of a run's data set."""
    return "Sample set" if data == SAMPLE else shorten(Path(data).name or data, 40)


def base_name(base: str) -> str:
    """Display name of a base network; its name in the configuration if it is not there any more."""
    return backbones()[base].title if base in backbones() else f"{base} (no longer available)"


def group_setting(groups: str) -> str:
    """Display name of the groups: the pattern, or the name of the CSV file."""
    return shorten(Path(groups).name if is_csv(groups) else groups, 40)


def weights_name(weights: str) -> str:
    """Display name of the pretrained weights."""
    return _WEIGHTS.get(weights, shorten(Path(weights).name, 40))


def differing_settings(tables: Sequence[dict[str, str]]) -> list[str]:
    """Names of the settings whose values differ between the tables, in order."""
    names = dict.fromkeys(name for table in tables for name in table)
    return [name for name in names if len({table.get(name) for table in tables}) > 1]


def group_by_setting(runs: Sequence[AnyRun]) -> list[tuple[AnyRun, list[AnyRun]]]:
    """Group runs that differ only in their seeds, as (representative, runs).

    The representative is the first run without its seeds, so that its label describes the setting. A run with an
    unreadable configuration is a group of one.
    """
    groups: dict[RunConfig | str, list[AnyRun]] = {}
    for run in runs:
        groups.setdefault(run.config.without_seeds() if isinstance(run, Run) else run.id, []).append(run)
    return [(_without_seeds(members[0]), members) for members in groups.values()]


def setting_labels(settings: Sequence[tuple[AnyRun, list[AnyRun]]]) -> dict[str, str]:
    """A distinct label for each group of `group_by_setting`, by id; that of its run if no group has several runs."""
    is_single = all(len(members) == 1 for _, members in settings)
    return run_labels([members[0] if is_single else setting for setting, members in settings])


def setting_tables(runs: Sequence[AnyRun]) -> dict[str, dict[str, str]]:
    """All settings of each setting as text, by the id of its first run; "Seed" lists the seeds of its runs."""
    groups = {
        setting.id: [run.config for run in members if isinstance(run, Run)]
        for setting, members in group_by_setting(runs)
    }
    return {
        run_id: settings_of(configs[0]) | {"Seed": ", ".join(dict.fromkeys(map(_seed, configs)))}
        for run_id, configs in groups.items()
        if configs
    }


def _without_seeds(run: AnyRun) -> AnyRun:
    return replace(run, config=run.config.without_seeds()) if isinstance(run, Run) else run


def run_labels(runs: Sequence[AnyRun]) -> dict[str, str]:
    """A distinct label for each run, by id: its strategy, then up to two differing settings or the start time."""
    labels: dict[str, str] = {}
    for title in dict.fromkeys(run.title for run in runs):
        same_title = [run for run in runs if run.title == title]
        settings = {run.id: settings_of(run.config) for run in same_title if isinstance(run, Run)}
        different = differing_settings(list(settings.values()))
        for run in same_title:
            details = (
                [f"{name.lower()} {settings[run.id].get(name, 'none')}" for name in different]
                if isinstance(run, Run)
                else []
            )
            time = [] if len(same_title) == 1 or (details and len(details) <= 2) else [study_time(run.study)]
            labels[run.id] = ", ".join([title, *(details if len(details) <= 2 else []), *time])
    return _with_numbers(labels)


def _with_numbers(labels: dict[str, str]) -> dict[str, str]:
    """Append a number to labels that occur more than once."""
    all_labels = list(labels.values())
    occurrences: dict[str, int] = {}
    for run_id, label in labels.items():
        if all_labels.count(label) > 1:
            occurrences[label] = occurrences.get(label, 0) + 1
            labels[run_id] = f"{label} ({occurrences[label]})"
    return labels


def _seed(config: RunConfig) -> str:
    """One number if training and split use the same seed, which is the default."""
    return str(config.seed) if config.seed == config.split_seed else f"{config.seed}, split {config.split_seed}"


def _augmented_copies(config: RunConfig) -> str:
    return {0: "new in each epoch", 1: "none"}.get(config.views, str(config.views))


def _frozen_features(config: RunConfig) -> str:
    return f"cached as {config.kept_precision}" if config.reuse else "computed in each epoch"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
