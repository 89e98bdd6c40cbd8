"""A verdict in plain words: which did best on the test images, whether that settles anything, and what would."""

from collections.abc import Sequence

from core.analysis.comparison.replicates import Group
from core.analysis.comparison.verdict import Contrast, Judgement, Verdict
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, join_words, mid_sentence, percent

_MINUS = "\N{MINUS SIGN}"


def headline(verdict: Verdict) -> str:
    """A few sentences: the best against the next, whom else it beats, what is missing and what would settle it."""
    if not verdict.groups:
        return "None of these runs has been measured on the test images yet."
    said = _alone(verdict.groups[0]) if len(verdict.groups) == 1 else _compared(verdict)
    parts = said, _guessing(verdict.groups), _left_out(verdict)
    return " ".join(part for part in parts if part)


def _compared(verdict: Verdict) -> str:
    best, second, *rest = verdict.groups
    contrast = verdict.between(best, second)
    if contrast is None:
        return (
            "These runs were not tested on the same images, nor on images of one data set and the same classes, so "
            "their test accuracies do not compare. Choose runs of one study."
        )
    others = [one for group in rest if (one := verdict.between(best, group))]
    parts = _score(best, contrast), _judged(contrast), _doubt(contrast), _beaten(contrast, others)
    return " ".join(part for part in parts if part)


def _score(best: Group, contrast: Contrast) -> str:
    share = percent(best.accuracy) + (" on average" if len(best.results) > 1 else "")
    if round(contrast.difference, 9) == 0:
        return (
            f"{contrast.first.name} and {mid_sentence(contrast.second.name)} did equally well on the test images: "
            f"{share} ({_basis(contrast)})."
        )
    return (
        f"{contrast.first.name} did best on the test images: {share}, {_points(contrast.difference)} above "
        f"{mid_sentence(contrast.second.name)} (95% interval {' to '.join(map(_number, contrast.interval))}, "
        f"{_basis(contrast)})."
    )


def _basis(contrast: Contrast) -> str:
    """`5 seeds, 379 test images`."""
    seeds = f"{contrast.seeds} seeds" if contrast.seeds > 1 else "one run each"
    return f"{seeds}, {count(contrast.images, 'test image')}"


def _judged(contrast: Contrast) -> str:
    """What the difference amounts to. One run each says something of two models, not yet of two strategies."""
    one, zone = contrast.seeds == 1, _points(contrast.zone)
    if contrast.judgement is Judgement.EQUAL:
        return f"They are practically equal: less than {zone} apart."
    if contrast.judgement is Judgement.OPEN:
        return f"That is too close to call{_settle(contrast)}."
    what = "That model is better on such images" if one else "It is better"
    return f"{what}{_cost(contrast)}."


def _cost(contrast: Contrast) -> str:
    ratio = contrast.time_ratio
    if ratio is None or 0.9 < ratio < 1.1:
        return ""
    return (
        f", and takes {ratio:.1f} times as long to train"
        if ratio > 1
        else (f", and trains in {100 * ratio:.0f}% of the time")
    )


def _settle(contrast: Contrast) -> str:
    """`; about 8 seeds would settle it`: what would tell this difference from none, should it stay as it is."""
    images = contrast.images_to_settle()
    if contrast.difference < contrast.zone:
        return ", and small"
    if contrast.seeds == 1:
        return f"; about {images:,} test images would settle it" if images else ""
    seeds = contrast.seeds_to_settle()
    if seeds:
        return f"; about {seeds} seeds would settle it"
    more = f", about {images:,} test images would" if images else ""
    return f"; more seeds would hardly settle it{more}"


def _doubt(contrast: Contrast) -> str:
    """What the comparison does not cover."""
    doubts = []
    if not contrast.is_paired:
        doubts.append("They were not compared image by image, which makes the interval wider.")
    if contrast.seeds == 1 and contrast.judgement is not Judgement.OPEN:
        doubts.append("Another training of either may come out otherwise: several seeds would tell.")
    return " ".join(doubts)


def _beaten(first: Contrast, others: Sequence[Contrast]) -> str:
    """Whom the best beats besides, where it does not beat the next."""
    beaten = [one for one in others if one.judgement is Judgement.BETTER and one.first.name == first.first.name]
    if not beaten:
        return ""
    names = [f"{mid_sentence(one.second.name)} by {_points(one.difference)}" for one in beaten]
    also = "also " if first.judgement is Judgement.BETTER else ""
    return f"It {also}beats {join_words(names)}."


def _alone(group: Group) -> str:
    runs = len(group.results)
    if runs > 1:
        return (
            f"{group.name} names {percent(group.accuracy)} of the test images right on average over "
            f"{runs} runs, from {percent(min(group.accuracies))} to {percent(max(group.accuracies))}."
        )
    if not group.images:
        return f"{group.name} names {percent(group.accuracy)} of the test images right."
    low, high = wilson_interval(group.accuracy, group.images)
    return (
        f"{group.name} names {percent(group.accuracy)} of {count(group.images, 'test image')} right; "
        f"on all such images that may be {percent(low)} to {percent(high)}."
    )


def _guessing(groups: Sequence[Group]) -> str:
    """Where the best is no better than naming any of the classes."""
    best = groups[0]
    classes = max(len(result.classes) for group in groups for result in group.results)
    if not classes or not best.images or wilson_interval(best.accuracy, best.images)[0] > 1 / classes:
        return ""
    return f"That is no better than guessing among {classes} classes: {percent(1 / classes)}."


def _left_out(verdict: Verdict) -> str:
    parts = []
    if verdict.left_out:
        parts.append(f"{count(verdict.left_out, 'run')} on other test images left out.")
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
    """A difference in points, with a true minus sign."""
    return f"{round(100 * share, 1) + 0.0:.1f}".replace("-", _MINUS)
