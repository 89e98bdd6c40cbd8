"""Summarise a verdict in a few sentences: the best setting, its lead, and the seeds or images needed to decide."""

from collections.abc import Sequence

from core.analysis.comparison.replicates import Group
from core.analysis.comparison.verdict import Contrast, Judgement, Verdict
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, join_words, lower_first, percent

_MINUS = "\N{MINUS SIGN}"


def headline(verdict: Verdict) -> str:
    """Describe the best setting against the second best, the other settings it beats, and missing results."""
    if not verdict.groups:
        return "None of these runs has been measured on the test images yet."
    result = _describe_single(verdict.groups[0]) if len(verdict.groups) == 1 else _describe_comparison(verdict)
    groups = verdict.groups
    parts = result, _balanced_accuracies(groups[:2]), _compare_with_guessing(groups), _describe_excluded(verdict)
    return " ".join(part for part in parts if part)


def _describe_comparison(verdict: Verdict) -> str:
    best, second, *rest = verdict.groups
    contrast = verdict.between(best, second)
    if contrast is None:
        return (
            "The test accuracies of these runs cannot be compared: the runs were not tested on the same images, nor on "
            "images of one data set with the same classes. Choose runs of one study."
        )
    others = [other for group in rest if (other := verdict.between(best, group))]
    parts = (
        _describe_difference(best, contrast),
        _describe_judgement(contrast),
        _caveats(contrast),
        _other_settings_beaten(contrast, others),
    )
    return " ".join(part for part in parts if part)


def _describe_difference(best: Group, contrast: Contrast) -> str:
    accuracy = percent(best.accuracy) + (" on average" if len(best.results) > 1 else "")
    if round(contrast.difference, 9) == 0:
        return (
            f"{contrast.first.name} and {lower_first(contrast.second.name)} did equally well on the test images: "
            f"{accuracy} ({_sample_size(contrast)})."
        )
    return (
        f"{contrast.first.name} did best on the test images: {accuracy}, {_points(contrast.difference)} above "
        f"{lower_first(contrast.second.name)} (95% interval {' to '.join(map(_number, contrast.interval))}, "
        f"{_sample_size(contrast)})."
    )


def _sample_size(contrast: Contrast) -> str:
    """`5 seeds, 379 test images`."""
    seeds = f"{contrast.seeds} seeds" if contrast.seeds > 1 else "one run each"
    return f"{seeds}, {count(contrast.images, 'test image')}"


def _describe_judgement(contrast: Contrast) -> str:
    """The judgement in a sentence. One run each compares two models, not two strategies."""
    if contrast.judgement is Judgement.EQUAL:
        return f"They are practically equal: less than {_points(contrast.margin)} apart."
    if contrast.judgement is Judgement.OPEN:
        return f"That is too close to call{_needed_to_decide(contrast)}."
    result = "That model is better on such images" if contrast.seeds == 1 else "It is better"
    return f"{result}{_training_time(contrast)}."


def _training_time(contrast: Contrast) -> str:
    """`, and takes 2.0 times as long to train`; empty if the times are similar or unknown."""
    ratio = contrast.time_ratio
    if ratio is None or 0.9 < ratio < 1.1:
        return ""
    if ratio > 1:
        return f", and takes {ratio:.1f} times as long to train"
    return f", and trains in {100 * ratio:.0f}% of the time"


def _needed_to_decide(contrast: Contrast) -> str:
    """`; about 8 seeds would decide it`: the sample size at which a difference of this size becomes significant."""
    images = contrast.images_to_decide()
    if contrast.difference < contrast.margin:
        return "; the difference is smaller than the equivalence margin"
    if contrast.seeds == 1:
        return f"; about {images:,} test images would decide it" if images else ""
    seeds = contrast.seeds_to_decide()
    if seeds:
        return f"; about {seeds} seeds would decide it"
    more_images = f", about {images:,} test images would" if images else ""
    return f"; more seeds would hardly decide it{more_images}"


def _caveats(contrast: Contrast) -> str:
    """Limits of the comparison."""
    caveats = []
    if not contrast.is_paired:
        caveats.append("They were not compared image by image, which makes the interval wider.")
    if contrast.seeds == 1 and contrast.judgement is not Judgement.OPEN:
        caveats.append("Another training may give a different result: compare several seeds.")
    return " ".join(caveats)


def _other_settings_beaten(first: Contrast, others: Sequence[Contrast]) -> str:
    """The other settings that are significantly worse than the best."""
    beaten = [other for other in others if other.judgement is Judgement.BETTER and other.first.name == first.first.name]
    if not beaten:
        return ""
    names = [f"{lower_first(other.second.name)} by {_points(other.difference)}" for other in beaten]
    also = "also " if first.judgement is Judgement.BETTER else ""
    return f"It {also}beats {join_words(names)}."


def _describe_single(group: Group) -> str:
    runs = len(group.results)
    if runs > 1:
        return (
            f"{group.name} classifies {percent(group.accuracy)} of the test images correctly on average over "
            f"{runs} runs, from {percent(min(group.accuracies))} to {percent(max(group.accuracies))}."
        )
    if not group.images:
        return f"{group.name} classifies {percent(group.accuracy)} of the test images correctly."
    low, high = wilson_interval(group.accuracy, group.images)
    return (
        f"{group.name} classifies {percent(group.accuracy)} of {count(group.images, 'test image')} correctly "
        f"(95% interval {percent(low)} to {percent(high)})."
    )


def _balanced_accuracies(groups: Sequence[Group]) -> str:
    """The balanced accuracy of each of these settings; "" unless the classes of the test images are very unequal."""
    known = [
        (lower_first(group.name), balanced) for group in groups if (balanced := group.balanced_accuracy) is not None
    ]
    if not known:
        return ""
    names = [f"{name} {percent(balanced)}" for name, balanced in known] if len(groups) > 1 else [percent(known[0][1])]
    return f"Balanced accuracy, the mean over the classes: {join_words(names)}."


def _compare_with_guessing(groups: Sequence[Group]) -> str:
    """A warning if the best setting is not significantly better than naming the largest class of every test image."""
    best, largest = groups[0], groups[0].results[0].largest_class
    classes = max(len(result.classes) for group in groups for result in group.results)
    if not classes or not best.images:
        return ""
    share = largest[1] if largest else 1 / classes
    if wilson_interval(best.accuracy, best.images)[0] > share:
        return ""
    guess = f"guessing among {classes} classes"
    if largest:
        guess = f"always predicting {largest[0]}, the largest class of the test images"
    return f"That is not significantly better than {guess}: {percent(share)}."


def _describe_excluded(verdict: Verdict) -> str:
    parts = []
    if verdict.left_out:
        parts.append(f"{count(verdict.left_out, 'run')} with other test images left out.")
    if verdict.missing:
        parts.append(
            f"{verdict.missing} of {verdict.runs} runs {'has' if verdict.missing == 1 else 'have'} no result "
            "on test images."
        )
    return " ".join(parts)


def _points(share: float) -> str:
    """0.031 -> "3.1 points"."""
    number = f"{100 * share:.1f}"
    return f"{number} point{'' if number == '1.0' else 's'}"


def _number(share: float) -> str:
    """A difference in points without the unit, with a typographic minus sign: -0.031 -> "−3.1"."""
    return f"{round(100 * share, 1) + 0.0:.1f}".replace("-", _MINUS)
