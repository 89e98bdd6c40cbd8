"""The named strategies, and the table from which the terminal and the presets choose. Add a strategy here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.backbones.backbone import Backbone
from core.backbones.registry import DEFAULT_BASE
from core.experiment.strategy import (
    ALL_LAYERS,
    FROM_SCRATCH,
    MAX_LEARNING_RATE,
    Phase,
    Strategy,
    at_rate,
    expect_number,
)

GRADUAL_DECAY: Final = 0.3
"""Default factor between the learning rates of successive phases of gradual unfreezing."""

SWEPT_RATES: Final = tuple(float(f"{digit}e{power}") for power in range(-5, -1) for digit in (1, 2, 5))
"""The twelve learning rates of a rate sweep, 1e-5 to 5e-2: evenly spaced on a log axis to within rounding."""

COMPARED_DROPOUTS: Final = (0.2, 0.5, 0.8)
"""Little, the default and much: the dropout values to compare with a rate sweep."""


@dataclass(frozen=True)
class SharedSettings:
    """Values from which every named strategy builds its phases, so that strategies can be compared.

    Args:
        phase1_epochs, phase1_rate: of the phase that trains the head on the frozen base.
        phase2_epochs, phase2_rate: of the phase or phases with unfrozen layers.
        base: the base network, which determines how many layers are unfrozen.
        unfreeze: number of layers that two-phase unfreezes, from the top of the base; None = the base's default.
    """

    phase1_epochs: int = 15
    phase2_epochs: int = 10
    phase1_rate: float = 1e-3
    phase2_rate: float = 1e-4
    unfreeze: int | None = None
    base: Backbone = DEFAULT_BASE

    @property
    def epochs(self) -> int:
        return self.phase1_epochs + self.phase2_epochs

    @property
    def head(self) -> Phase:
        return Phase(0, self.phase1_rate, self.phase1_epochs)

    @property
    def fine_tuning(self) -> Phase:
        unfreeze = self.base.default_depth if self.unfreeze is None else self.unfreeze
        return Phase(unfreeze, self.phase2_rate, self.phase2_epochs)


def feature_extraction(settings: SharedSettings) -> Strategy:
    """Train the head on the frozen base, for the epochs of phase 1."""
    return Strategy("feature-extraction", (settings.head,))


def fine_tuning(settings: SharedSettings) -> Strategy:
    """Train all layers from the start, for the epochs of both phases, at the learning rate of phase 2."""
    return Strategy("fine-tuning", (replace(settings.fine_tuning, unfreeze=ALL_LAYERS, epochs=settings.epochs),))


def two_phase(settings: SharedSettings) -> Strategy:
    """Train the head on the frozen base, then the top layers at a lower rate."""
    return Strategy("two-phase", (settings.head, settings.fine_tuning))


def baseline_cnn(settings: SharedSettings) -> Strategy:
    """Train a small CNN from random weights, for the epochs of both phases, at the learning rate of phase 1."""
    return Strategy("baseline-cnn", (replace(settings.head, unfreeze=FROM_SCRATCH, epochs=settings.epochs),))


def unfreeze_sweep(
    depths: Sequence[int] = DEFAULT_BASE.sweep_depths,
    head: Phase = SharedSettings().head,
    fine_tuning: Phase = SharedSettings().fine_tuning,
) -> tuple[Strategy, ...]:
    """One two-phase strategy per depth: the head first, then `depth` layers. At depth 0 both phases train the head."""
    return tuple(Strategy(f"unfreeze-{depth}", (head, replace(fine_tuning, unfreeze=depth))) for depth in depths)


def rate_sweep(rates: Sequence[float] = SWEPT_RATES, head: Phase = SharedSettings().head) -> tuple[Strategy, ...]:
    """Feature extraction at each of these learning rates."""
    return tuple(Strategy(at_rate(rate), (replace(head, learning_rate=rate),)) for rate in rates)


def gradual_unfreezing(
    depths: Sequence[int] = DEFAULT_BASE.gradual_depths,
    learning_rate: float = 1e-3,
    epochs: int = 5,
    decay: float = GRADUAL_DECAY,
) -> Strategy:
    """A strategy that unfreezes the base from the top in phases (Howard and Ruder 2018, arXiv 1801.06146).

    Phase i trains `depths[i]` layers at `learning_rate * decay ** i`. Raises `ValueError` unless depths increase.
    """
    expect_number("learning_rate", learning_rate, 0, MAX_LEARNING_RATE)
    expect_number("decay", decay, 0, 1)
    if list(depths) != sorted(set(depths)):
        raise ValueError(f"Expected depths that increase from phase to phase; received {list(depths)!r}.")
    phases = tuple(Phase(depth, learning_rate * decay**i, epochs) for i, depth in enumerate(depths))
    return Strategy("gradual-unfreezing", phases)


def gradual_with_settings(settings: SharedSettings) -> Strategy:
    """Gradual unfreezing with shared settings: the head first, then the default depths at falling rates.

    The phases after the first divide `phase2_epochs` evenly; the last one has the remainder. Their learning rate
    starts at `phase2_rate`. Raises `ValueError` for less than one epoch per unfrozen phase.
    """
    unfrozen = gradual_unfreezing(settings.base.gradual_depths[1:], settings.phase2_rate).phases
    share, remainder = divmod(settings.phase2_epochs, len(unfrozen))
    if share < 1:
        raise ValueError(
            f"Expected at least {len(unfrozen)} epochs after phase 1 of gradual unfreezing, one per depth; "
            f"received {settings.phase2_epochs}."
        )
    phases = [replace(phase, epochs=share) for phase in unfrozen]
    phases[-1] = replace(phases[-1], epochs=share + remainder)
    return Strategy("gradual-unfreezing", (settings.head, *phases))


FEATURE_EXTRACTION: Final = feature_extraction(SharedSettings())
FINE_TUNING: Final = fine_tuning(SharedSettings())
TWO_PHASE: Final = two_phase(SharedSettings())
BASELINE: Final = baseline_cnn(SharedSettings())
"""The strategy without transfer, with which the others are compared."""

STRATEGIES: Final = {strategy.name: strategy for strategy in (FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE)}
"""The three strategies that a study compares by default."""


def all_three(settings: SharedSettings) -> tuple[Strategy, ...]:
    """The three strategies that a study compares by default."""
    return feature_extraction(settings), fine_tuning(settings), two_phase(settings)


STRATEGY_CHOICES: Final[Mapping[str, Callable[[SharedSettings], tuple[Strategy, ...]]]] = {
    "feature-extraction": lambda settings: (feature_extraction(settings),),
    "fine-tuning": lambda settings: (fine_tuning(settings),),
    "two-phase": lambda settings: (two_phase(settings),),
    "baseline-cnn": lambda settings: (baseline_cnn(settings),),
    "all": all_three,
    "depths": lambda settings: unfreeze_sweep(settings.base.sweep_depths, settings.head, settings.fine_tuning),
    "rates": lambda settings: rate_sweep(head=settings.head),
    "gradual": lambda settings: (gradual_with_settings(settings),),
}
"""The values of the terminal's `--strategy`, and the strategies that each trains."""
