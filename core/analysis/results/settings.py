"""Settings of runs in plain words, and names that tell runs apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.analysis.text import count, rate, shorten, study_time
from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import FROM_SCRATCH, Phase

_WEIGHTS = {"imagenet": "ImageNet", "sample": "drawn pictures (sample base)", "random": "nothing (random)"}


def settings_of(config: RunConfig) -> dict[str, str]:
    """Every setting of a run by its name on the pages."""
    augmentation = config.augmentation
    changes = [
        word
        for word, on in (
            ("flip", augmentation.flip),
            (f"rotate {augmentation.rotation:g}", augmentation.rotation),
            (f"zoom {augmentation.zoom:g}", augmentation.zoom),
            (f"contrast {augmentation.contrast:g}", augmentation.contrast),
        )
        if on
    ]
    phases = {f"Phase {i}": phase_in_words(phase) for i, phase in enumerate(config.strategy.phases, start=1)}
    return {
        "Strategy": config.strategy.title,
        **phases,
        "Images": data_name(config.data),
        "Seed": _seed(config),
        "Batch size": str(config.batch_size),
        "Image size": f"{config.image_size} px",
        "Width (alpha)": f"{config.alpha:g}",
        "What was learned from": weights_name(config.weights),
        "Augmentation": ", ".join(changes) or "none",
        "Views of each training image": _views(config),
        "Patience": str(config.patience) if config.patience else "never stops early",
        "Near-duplicates": "in one part" if config.leak_free else "divided carelessly",
        "Rare classes weigh more": _yes(config.class_weights),
        "Repeatable bit for bit": _yes(config.deterministic),
        "16 bits on a GPU": _yes(config.mixed_precision),
        "Frozen part": _frozen(config),
    }


def phase_in_words(phase: Phase) -> str:
    """`10 epochs, 30 of 154 layers, rate 1e-4`."""
    opened = {0: "head only", FROM_SCRATCH: "all of it"}.get(phase.unfreeze, f"{phase.unfreeze} of {ALL_LAYERS} layers")
    return f"{count(phase.epochs, 'epoch')}, {opened}, rate {rate(phase.learning_rate)}"


def data_name(data: str) -> str:
    """What pages call the images of a run."""
    return "Sample set" if data == SAMPLE else shorten(Path(data).name or data, 40)


def weights_name(weights: str) -> str:
    """What pages call the weights of the base."""
    return _WEIGHTS.get(weights, shorten(Path(weights).name, 40))


def differing_settings(tables: Sequence[dict[str, str]]) -> list[str]:
    """The names of the settings in which not all tables agree, in their order."""
    names = dict.fromkeys(name for table in tables for name in table)
    return [name for name in names if len({table.get(name) for table in tables}) > 1]


def group_by_setting(runs: Sequence[AnyRun]) -> list[tuple[AnyRun, list[AnyRun]]]:
    """The runs of each setting, which differ in nothing but their seeds, behind a run that stands for them.

    It has the id of the first and no seeds, so that its label names the setting. An unreadable configuration is like
    no other.
    """
    alike: dict[RunConfig | str, list[AnyRun]] = {}
    for run in runs:
        alike.setdefault(run.config.without_seeds() if isinstance(run, Run) else run.id, []).append(run)
    return [(_without_seeds(members[0]), members) for members in alike.values()]


def _without_seeds(run: AnyRun) -> AnyRun:
    return replace(run, config=run.config.without_seeds()) if isinstance(run, Run) else run


def run_labels(runs: Sequence[AnyRun]) -> dict[str, str]:
    """A name for each run, by id, that tells it from the others: its strategy, then what differs, then when."""
    named: dict[str, str] = {}
    for title in dict.fromkeys(run.title for run in runs):
        alike = [run for run in runs if run.title == title]
        settings = {run.id: settings_of(run.config) for run in alike if isinstance(run, Run)}
        different = differing_settings(list(settings.values()))
        for run in alike:
            told = (
                [f"{name.lower()} {settings[run.id].get(name, 'none')}" for name in different]
                if isinstance(run, Run)
                else []
            )
            when = [] if len(alike) == 1 or (told and len(told) <= 2) else [study_time(run.study)]
            named[run.id] = ", ".join([title, *(told if len(told) <= 2 else []), *when])
    return _numbered(named)


def _numbered(named: dict[str, str]) -> dict[str, str]:
    """The same names with a number where two are still alike."""
    taken = list(named.values())
    seen: dict[str, int] = {}
    for run_id, name in named.items():
        if taken.count(name) > 1:
            seen[name] = seen.get(name, 0) + 1
            named[run_id] = f"{name} ({seen[name]})"
    return named


def _seed(config: RunConfig) -> str:
    """One number where training and split share it, as they do unless somebody asked for otherwise."""
    return str(config.seed) if config.seed == config.split_seed else f"{config.seed}, split {config.split_seed}"


def _views(config: RunConfig) -> str:
    return {0: "a new one each epoch", 1: "the image as it is"}.get(config.views, str(config.views))


def _frozen(config: RunConfig) -> str:
    return f"computed once, kept as {config.kept_precision}" if config.reuse else "computed in each epoch"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
