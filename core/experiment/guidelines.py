"""The course's rules of thumb, each with its reason. They suggest and warn; they never forbid."""

from dataclasses import dataclass

from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.experiment.strategy import Strategy


@dataclass(frozen=True)
class Guideline:
    """A suggested range, both ends included, and why."""

    low: float
    high: float
    reason: str


def fine_tuning_rate(head_rate: float) -> Guideline:
    """The learning rate once pretrained layers train: a tenth of the head's."""
    return Guideline(
        head_rate / 10,
        head_rate / 10,
        "A tenth of the head's rate: pretrained layers are nearly right, and large steps undo them.",
    )


def layers_to_unfreeze(images: int) -> Guideline:
    """How many layers to open for a data set of so many images."""
    low, high = (10, 20) if images < 5_000 else (20, 40) if images <= 10_000 else (40, 80)
    return Guideline(low, high, f"{low}-{high} layers for {images:,} images: open layers need data to learn from.")


def batch_size(gpu_memory_bytes: int | None) -> Guideline:
    """Images a step for a GPU with so much memory; None stands for no GPU."""
    if gpu_memory_bytes is None:
        return Guideline(32, 32, "32 on a CPU: larger batches are no faster there.")
    low, high = (32, 64) if gpu_memory_bytes < 12 * 1024**3 else (64, 128)
    return Guideline(low, high, f"{low}-{high} for {gpu_memory_bytes / 1024**3:.0f} GB of GPU memory.")


def rules_of_thumb(images: int | None, gpu_memory_bytes: int | None) -> tuple[str, ...]:
    """All of them in words, for a data set of so many images and a GPU with so much memory (None = not known, none)."""
    rules = (
        f"Learning rate once the base trains: {fine_tuning_rate(1e-3).reason}",
        f"Batch size: {batch_size(gpu_memory_bytes).reason}",
    )
    return (f"Layers to unfreeze: {layers_to_unfreeze(images).reason}", *rules) if images else rules


def warnings(strategy: Strategy, images: int | None = None) -> tuple[str, ...]:
    """What goes against the guidelines in `strategy`, a sentence each; empty when nothing does."""
    found = [*_rate_warnings(strategy)]
    if images is not None:
        advice = layers_to_unfreeze(images)
        partial = [p.unfreeze for p in strategy.phases if 0 < p.unfreeze < ALL_LAYERS]
        found += [
            f"{strategy.title} opens {depth} layers. Suggested: {advice.reason}"
            for depth in partial
            if depth > advice.high
        ]
    return tuple(found)


def _rate_warnings(strategy: Strategy) -> list[str]:
    head_rates = [phase.learning_rate for phase in strategy.phases if phase.unfreeze == 0]
    return [
        f"{strategy.title} trains the base at {phase.learning_rate:g}, not below the head's {head_rates[0]:g}. "
        f"Suggested: {fine_tuning_rate(head_rates[0]).low:g}. {fine_tuning_rate(head_rates[0]).reason}"
        for phase in strategy.phases
        if head_rates and phase.unfreeze > 0 and phase.learning_rate >= head_rates[0]
    ]
