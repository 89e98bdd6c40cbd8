"""Rules of thumb for training settings, each with its reason. They suggest and warn; they never forbid."""

from dataclasses import dataclass

from core.backbones.backbone import Backbone
from core.backbones.registry import DEFAULT_BASE
from core.experiment.strategy import Strategy


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
