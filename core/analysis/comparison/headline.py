"""Summarise a verdict in a few sentences: the best setting, its lead, and the seeds or images needed to decide."""

from collections.abc import Sequence

from core.analysis.comparison.pairs.contrast import Contrast, Judgement
from core.analysis.comparison.replicates import Group
from core.analysis.comparison.verdict import Verdict
from core.analysis.statistics.multiple_comparisons import ERROR_RATE
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, join_words, lower_first, percent, round_to_two_digits

_MINUS = "\N{MINUS SIGN}"
_MAX_NAMED = 6
"""Largest number of beaten settings that are all named: those of a study of seven depths."""


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
        _describe_difference(contrast),
        _describe_judgement(contrast),
        _caveats(contrast),
        _other_settings_beaten(contrast, others),
    )
    return " ".join(part for part in parts if part)


def _describe_difference(contrast: Contrast) -> str:
    where = "these test images" if contrast.has_fixed_test else "the test images"
    accuracy = percent(contrast.accuracy) + (" on average" if len(contrast.first.results) > 1 else "")
    if round(contrast.difference, 9) == 0:
        return (
            f"{contrast.first.name} and {lower_first(contrast.second.name)} did equally well on {where}: "
            f"{accuracy} ({_sample_size(contrast)})."
        )
    return (
        f"{contrast.first.name} did best on {where}: {accuracy}, {_points(contrast.difference)} above "
        f"{lower_first(contrast.second.name)} (95% interval {' to '.join(map(_number, contrast.interval))}, "
        f"{_sample_size(contrast)})."
    )


def _sample_size(contrast: Contrast) -> str:
    """`5 seeds, 379 test images`."""
    seeds = f"{contrast.seeds} seeds" if contrast.seeds > 1 else "one run each"
    return f"{seeds}, {count(contrast.images, 'test image')}{' each' if contrast.seeds > 1 else ''}"


def _describe_judgement(contrast: Contrast) -> str:
    """The judgement in a sentence."""
    if contrast.judgement is Judgement.SAME:
        each = "Each training" if contrast.seeds > 1 else "The training"
        return f"{each} of the two ended as the same model: the best epoch was before more layers were unfrozen."
    if contrast.judgement is Judgement.EQUAL:
        return f"The two are practically equal: less than {_points(contrast.margin)} apart."
    if contrast.judgement is Judgement.OPEN:
        return f"{_describe_models(contrast)}{_needed_to_decide(contrast)}"
    return f"It is better{_training_time(contrast)}."


def _describe_models(contrast: Contrast) -> str:
    """Which of two single models is better, if that is significant; it need not hold for other trainings."""
    if contrast.two_models_p is None or contrast.two_models_p > ERROR_RATE:
        return ""
    return "Of these two models it is the better one on such images. "


def _training_time(contrast: Contrast) -> str:
    """`, and takes 2.0 times as long to train`; empty if the times are similar or unknown."""
    ratio = contrast.time_ratio
    if ratio is None or 0.9 < ratio < 1.1:
        return ""
    if ratio > 1:
        return f", and takes {ratio:.1f} times as long to train"
    return f", and trains in {100 * ratio:.0f}% of the time"


def _needed_to_decide(contrast: Contrast) -> str:
    """`The difference is too close to call; about 8 seeds would probably decide it.`"""
    single = contrast.seeds == 1
    result = (
        "One training each is too little to compare strategies" if single else "The difference is too close to call"
    )
    if seeds := contrast.seeds_to_decide():
        return f"{result}; about {seeds} seeds would probably decide it."
    if images := contrast.images_to_decide():
        return f"{result}; about {round_to_two_digits(images):,} test images would probably decide it."
    return f"{result}; train three seeds or more." if single else f"{result}."


def _caveats(contrast: Contrast) -> str:
    """Limits of the comparison."""
    caveats = []
    if not contrast.is_paired:
        caveats.append("They were not compared image by image, which makes the interval wider.")
    if 0 < contrast.same_models < contrast.seeds:
        caveats.append(f"With {contrast.same_models} of {contrast.seeds} seeds both ended as the same model.")
    return " ".join(caveats)


def _other_settings_beaten(first: Contrast, others: Sequence[Contrast]) -> str:
    """The other settings that are significantly worse than the best."""
    beaten = [other for other in others if other.judgement is Judgement.BETTER and other.first.name == first.first.name]
    if not beaten:
        return ""
    also = "also " if first.judgement is Judgement.BETTER else ""
    if len(beaten) > _MAX_NAMED:
        differences = sorted(other.difference for other in beaten)
        span = f"{100 * differences[0]:.1f} to {_points(differences[-1])}"
        return f"It {also}beats {len(beaten)} of the {len(others)} other settings, by {span}."
    names = [f"{lower_first(other.second.name)} by {_points(other.difference)}" for other in beaten]
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
    """A warning if the best setting may not be better than naming the largest class of every test image."""
    best, largest = groups[0], groups[0].results[0].largest_class
    classes = max(len(result.classes) for group in groups for result in group.results)
    if not classes or not best.images:
        return ""
    share = largest[1] if largest else 1 / classes
    low, high = wilson_interval(best.accuracy, best.images)
    if low > share:
        return ""
    guess = f"guessing among {classes} classes"
    if largest:
        guess = f"always predicting {largest[0]}, the largest class of the test images"
    verb = "is no" if high <= share else "may be no"
    return f"The best result {verb} better than {guess}: {percent(share)}."


def _describe_excluded(verdict: Verdict) -> str:
    parts = []
    if verdict.left_out:
        parts.append(f"{count(verdict.left_out, 'run')} left out: no other setting was tested on the same images.")
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
