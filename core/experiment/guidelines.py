"""Rules of thumb for training settings, each with its reason. They suggest and warn; they never forbid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.backbones.backbone import Backbone
from core.backbones.registry import DEFAULT_BASE
from core.experiment.strategy import Strategy

SMALL_BATCH = 8
"""Least number of images per training step that needs no warning."""

UNBALANCED = 3.0
"""If the largest class has more than this many times the images of the smallest, accuracy says little of the latter."""


@dataclass(frozen=True)
class Guideline:
    """A suggested range, both ends included, and the reason for it."""

    low: float
    high: float
    reason: str


def fine_tuning_rate(head_rate: float) -> Guideline:
    """The learning rate for phases that train pretrained layers: a tenth of the head's."""
    return Guideline(
        head_rate / 10,
        head_rate / 10,
        "A tenth of the head's rate: pretrained layers are nearly right, and large steps would undo that.",
    )


def layers_to_unfreeze(images: int | None, base: Backbone = DEFAULT_BASE) -> Guideline | None:
    """How many layers of a base to unfreeze for this number of images; None if it or the advice is unknown."""
    for advice in base.depth_ranges:
        if images and images <= advice.max_images:
            reason = (
                f"{advice.low}-{advice.high} layers for {images:,} images: unfrozen layers need data to learn from."
            )
            return Guideline(advice.low, advice.high, reason)
    return None


def batch_size(gpu_memory_bytes: int | None) -> Guideline:
    """Images per training step for a GPU with this much memory; None means no GPU."""
    if gpu_memory_bytes is None:
        return Guideline(32, 32, "32 on a CPU: larger batches are no faster there.")
    low, high = (32, 64) if gpu_memory_bytes < 12 * 1024**3 else (64, 128)
    return Guideline(low, high, f"{low}-{high} for {gpu_memory_bytes / 1024**3:.0f} GB of GPU memory.")


def imbalance_warning(counts: Mapping[str, int]) -> str:
    """A sentence that names the ratio of the largest to the smallest class, given images by class; "" if balanced."""
    if not is_unbalanced(counts.values()):
        return ""
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    return (
        f"{largest} has {counts[largest] / counts[smallest]:.1f} times as many images as {smallest}. "
        "A model may neglect rare classes; class weights counteract that."
    )


def is_unbalanced(counts: Iterable[int]) -> bool:
    """Whether classes with these numbers of images are so unequal that accuracy needs another measure beside it."""
    sizes = [count for count in counts if count > 0]
    return bool(sizes) and max(sizes) > UNBALANCED * min(sizes)


def batch_size_warning(images: int) -> str:
    """A sentence for a batch of so few images that it contradicts a guideline; "" for others."""
    if images >= SMALL_BATCH:
        return ""
    return (
        f"A batch has {images} images. Suggested: at least {SMALL_BATCH}, because the head's BatchNormalization "
        "estimates mean and variance from each batch, and few images give poor estimates."
    )


def rules_of_thumb(images: int | None, gpu_memory_bytes: int | None, base: Backbone = DEFAULT_BASE) -> tuple[str, ...]:
    """All rules as sentences, for this number of images (None = unknown) and this GPU memory (None = no GPU)."""
    advice = layers_to_unfreeze(images, base)
    rules = (
        f"Learning rate once the base trains: {fine_tuning_rate(1e-3).reason}",
        f"Batch size: {batch_size(gpu_memory_bytes).reason}",
    )
    return (f"Layers to unfreeze: {advice.reason}", *rules) if advice else rules


def warnings(strategy: Strategy, images: int | None = None, base: Backbone = DEFAULT_BASE) -> tuple[str, ...]:
    """One sentence for each setting of `strategy` that contradicts a guideline."""
    sentences = _rate_warnings(strategy)
    if advice := layers_to_unfreeze(images, base):
        partial = [phase.unfreeze for phase in strategy.phases if 0 < phase.unfreeze < base.layers]
        sentences += [
            f"{strategy.title} unfreezes {depth} layers. Suggested: {advice.reason}"
            for depth in partial
            if depth > advice.high
        ]
    return tuple(sentences)


def _rate_warnings(strategy: Strategy) -> list[str]:
    head_rates = [phase.learning_rate for phase in strategy.phases if phase.unfreeze == 0]
    return [
        f"{strategy.title} trains the base at {phase.learning_rate:g}, not below the head's {head_rates[0]:g}. "
        f"Suggested: {fine_tuning_rate(head_rates[0]).low:g}. {fine_tuning_rate(head_rates[0]).reason}"
        for phase in strategy.phases
        if head_rates and phase.unfreeze > 0 and phase.learning_rate >= head_rates[0]
    ]
