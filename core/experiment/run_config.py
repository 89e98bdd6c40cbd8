"""The configuration of a run: every setting that determines it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from core.backbones.mobilenet_v2 import ALPHAS, IMAGE_SIZES
from core.experiment.strategy import TWO_PHASE, Strategy, expect_integer, expect_number

PRECISIONS: Final = ("float16", "float32")
SAMPLE: Final = "sample"
"""The `data` of a run on the built-in drawn data set."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes to each training image; 0 or False switches one off.

    `rotation` is in full turns either way, `zoom` and `contrast` are fractions either way.
    """

    flip: bool = True
    rotation: float = 0.1
    zoom: float = 0.1
    contrast: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.flip, bool):
            raise ValueError(f"Expected flip to be true or false; received {self.flip!r}.")
        for name in ("rotation", "zoom", "contrast"):
            value = getattr(self, name)
            if value != 0:
                expect_number(f"augmentation {name} (or 0 to switch it off)", value, 0, 0.5)


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run. Round-trips through JSON exactly; refuses impossible values.

    Args:
        data: folder of class folders, or `SAMPLE`.
        weights: "imagenet", "sample", "random", or the path of a weights file for the base.
        seed: fixes the head's first weights, the order of images, augmentation and dropout.
        split_seed: fixes which images go to train, validation and test.
        patience: stop a phase after so many epochs without a better validation loss; 0 = never.
        class_weights: weigh classes by inverse frequency in the loss.
        deterministic: same seed, same weights, bit for bit, on the same machine; slower on GPUs.
        mixed_precision: let a GPU that gains from it compute in 16 bits.
        views: how many augmented versions of each training image the epochs take in turn; 0 = a new one each epoch,
            1 = the image as it is.
        reuse: keep what the frozen part computes and take it from there; False computes everything anew.
        kept_precision: of what is kept, "float16" or "float32".
        leak_free: near-duplicates stay on one side of the split; False divides carelessly, to see what leaks do.
    """

    data: str = SAMPLE
    strategy: Strategy = TWO_PHASE
    seed: int = 0
    split_seed: int = 0
    batch_size: int = 32
    image_size: int = 224
    alpha: float = 1.0
    weights: str = "imagenet"
    augmentation: Augmentation = field(default_factory=Augmentation)
    patience: int = 0
    class_weights: bool = False
    deterministic: bool = False
    mixed_precision: bool = True
    views: int = 4
    reuse: bool = True
    kept_precision: str = "float16"
    leak_free: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, Strategy) or not isinstance(self.augmentation, Augmentation):
            raise ValueError(
                f"Expected a Strategy and an Augmentation; received {self.strategy!r} and {self.augmentation!r}."
            )
        for name, low, high in (
            ("seed", 0, 2**31 - 1),
            ("split_seed", 0, 2**31 - 1),
            ("batch_size", 1, 1_024),
            ("patience", 0, 1_000),
            ("views", 0, 64),
        ):
            expect_integer(name, getattr(self, name), low, high)
        for name in ("class_weights", "deterministic", "mixed_precision", "reuse", "leak_free"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Expected {name} to be true or false; received {getattr(self, name)!r}.")
        _expect_one_of("image_size", self.image_size, IMAGE_SIZES)
        _expect_one_of("alpha", self.alpha, ALPHAS)
        _expect_one_of("kept_precision", self.kept_precision, PRECISIONS)
        for name in ("data", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > 4_096:
                raise ValueError(f"Expected {name} to name a folder or file; received {str(value)[:80]!r}.")

    def without_seeds(self) -> "RunConfig":
        """The setting that replicates share: the same for runs that differ in their seeds alone."""
        return replace(self, seed=0, split_seed=0)

    def depths_of_similar_runs(self, others: Iterable["RunConfig"]) -> frozenset[int]:
        """Down to which depths those of the others train that differ from this run in their strategy alone."""
        return frozenset().union(
            *(
                other.strategy.deepest_so_far
                for other in others
                if replace(self, strategy=other.strategy) == other and not other.strategy.is_from_scratch
            )
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"strategy": self.strategy.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunConfig":
        """The configuration that `to_json` wrote. Raises `ValueError` naming what is wrong.

        One written before there was `leak_free` was divided carelessly.
        """
        if not isinstance(data, dict) or "strategy" not in data:
            raise ValueError(f"Expected a run configuration; received {str(data)[:80]}.")
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"Expected only known settings; received {', '.join(sorted(unknown))}.")
        try:
            augmentation = Augmentation(**data.get("augmentation", {}))
        except TypeError as error:
            raise ValueError(f"Expected augmentation settings; received {data['augmentation']!r}.") from error
        strategy = Strategy.from_json(data["strategy"])
        return cls(**{"leak_free": False} | data | {"strategy": strategy, "augmentation": augmentation})


def _expect_one_of(name: str, value: object, choices: tuple[float | str, ...]) -> None:
    if type(value) is not type(choices[0]) or value not in choices:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(str, choices))}; received {value!r}.")
