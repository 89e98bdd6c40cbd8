"""The configuration of a run: every setting that determines it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from core.backbones.backbone import Backbone
from core.backbones.registry import DEFAULT_BASE, backbone, backbones
from core.experiment.group_pattern import check_groups
from core.experiment.named_strategies import TWO_PHASE
from core.experiment.parameter_counts import HEAD_DROPOUT
from core.experiment.strategy import ALL_LAYERS, FROM_SCRATCH, Strategy, expect_integer, expect_number

PRECISIONS: Final = ("float16", "float32")
FROZEN_PRECISIONS: Final = ("exact", "fastest")
"""How the features of the frozen layers are computed for training."""
EXACT, FASTEST = FROZEN_PRECISIONS
SAMPLE: Final = "sample"
"""The `data` of a run on the built-in drawn data set."""
MIN_BATCH: Final = 2
"""Of a single image, BatchNormalization returns the same for every image, so nothing after it can learn."""


class _StoredBatchOfOne(int):
    """A batch size of 1 that was read from the file of a run of an earlier version, which allowed it.

    It has a type of its own, so that this configuration and its copies are valid, and every other 1 is refused.
    """


TEST_PARTS: Final = ("random", "in-turn")
"""How the test images of each seed are chosen: at random, or as the next of five folds."""
RANDOM, IN_TURN = TEST_PARTS
LAYOUTS: Final = ("auto", "split", "classes", "nested")
"""How the folders of a data set are read; "auto" decides, or asks if several ways are possible."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes to each training image; 0 or False switches a change off.

    `rotation` (in full turns), `zoom` and `contrast` (as fractions) are the largest change in either direction.
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
    """All settings that determine a run. They are validated and survive a JSON round trip exactly.

    Args:
        data: folder with one subfolder per class, or `SAMPLE`.
        alpha: width multiplier of the base.
        weights: "imagenet", "sample", "random", or the path of a weights file for the base.
        seed: determines the head's initial weights, the order of images, augmentation and dropout.
        split_seed: determines which images go to train, validation and test.
        batch_size: images per training step, at least `MIN_BATCH`.
        patience: number of epochs without a better validation loss after which a phase stops; 0 = never stop early.
        class_weights: weight each class in the loss by its inverse frequency.
        deterministic: the same seed gives bit-identical weights on the same machine; slower on GPUs.
        mixed_precision: compute in 16 bits on GPUs that are faster with them.
        views: number of augmented copies per training image, used in turn by the epochs; 0 = a new copy each epoch,
            1 = the unchanged image only.
        reuse: read the features of the frozen layers from the feature cache, and add missing ones; False computes all
            of them in each epoch.
        kept_precision: precision in which cached features are stored, "float16" or "float32".
        frozen_precision: precision in which the frozen layers compute training features, one of `FROZEN_PRECISIONS`:
            "exact" in 32 bits; "fastest" in bfloat16 where the processor is faster with it and the result is close.
            Whatever is judged, predicted or exported is exact.
        leak_free: keep near-duplicates in one part of the split; False ignores them, to show the effect of leaks.
        base: name of the base network. An unknown one is accepted, so that runs on a base that is no longer there can
            be shown; `backbone` refuses it.
        layout: how the folders in `data` were read, one of `LAYOUTS`.
        groups: images that stay in one part of the split, such as those of one recording: the path of a CSV file with
            columns path and group, or a regular expression of file names with one capture group; "" = none.
        test_parts: one of `TEST_PARTS`: "random" draws the test images anew with each seed; "in-turn" tests every image
            once in five seeds (`core/data/datasets/folds.py`).
        dropout: share of the hidden layer's outputs that each training step sets to 0, from 0 to below 1.
    """

    data: str = SAMPLE
    strategy: Strategy = TWO_PHASE
    seed: int = 0
    split_seed: int = 0
    batch_size: int = 32
    image_size: int = DEFAULT_BASE.default_size
    alpha: float = DEFAULT_BASE.default_width
    weights: str = "imagenet"
    augmentation: Augmentation = field(default_factory=Augmentation)
    patience: int = 0
    class_weights: bool = False
    deterministic: bool = False
    mixed_precision: bool = True
    views: int = 4
    reuse: bool = True
    kept_precision: str = "float16"
    frozen_precision: str = EXACT
    leak_free: bool = True
    base: str = DEFAULT_BASE.name
    layout: str = "auto"
    groups: str = ""
    test_parts: str = RANDOM
    dropout: float = HEAD_DROPOUT

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, Strategy) or not isinstance(self.augmentation, Augmentation):
            raise ValueError(
                f"Expected a Strategy and an Augmentation; received {self.strategy!r} and {self.augmentation!r}."
            )
        for name, low, high in (
            ("seed", 0, 2**31 - 1),
            ("split_seed", 0, 2**31 - 1),
            ("patience", 0, 1_000),
            ("views", 0, 64),
        ):
            expect_integer(name, getattr(self, name), low, high)
        if not isinstance(self.batch_size, _StoredBatchOfOne):
            reason = "of a single image, the head's BatchNormalization learns nothing"
            expect_integer(f"batch_size ({reason})", self.batch_size, MIN_BATCH, 1_024)
        for name in ("class_weights", "deterministic", "mixed_precision", "reuse", "leak_free"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Expected {name} to be true or false; received {getattr(self, name)!r}.")
        _expect_one_of("kept_precision", self.kept_precision, PRECISIONS)
        _expect_one_of("frozen_precision", self.frozen_precision, FROZEN_PRECISIONS)
        _expect_one_of("layout", self.layout, LAYOUTS)
        _expect_one_of("test_parts", self.test_parts, TEST_PARTS)
        for name in ("data", "base", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > 4_096:
                raise ValueError(f"Expected {name} to name a folder or file; received {str(value)[:80]!r}.")
        check_groups(self.groups)
        _expect_dropout(self.dropout)
        if self.base in backbones():
            self._expect_fitting_base(self.backbone)

    def _expect_fitting_base(self, base: Backbone) -> None:
        """Validate the settings that depend on the base, and write "all of its layers" in one way only."""
        _expect_one_of("image_size", self.image_size, base.image_sizes)
        _expect_one_of("alpha", self.alpha, base.widths)
        strategy = self.strategy.with_depths({base.layers: ALL_LAYERS})
        for depth in strategy.depths - {ALL_LAYERS, FROM_SCRATCH}:
            expect_integer(f"unfreeze (layers of {base.title}, from its top)", depth, 0, base.layers)
        object.__setattr__(self, "strategy", strategy)

    @property
    def backbone(self) -> Backbone:
        """The base network. Raises `UnknownBase` if there is none of this name."""
        return backbone(self.base)

    @property
    def counted_strategy(self) -> Strategy:
        """The strategy with `ALL_LAYERS` replaced by the base's number of layers. Raises `UnknownBase`."""
        return self.strategy.with_depths({ALL_LAYERS: self.backbone.layers})

    def without_seeds(self) -> "RunConfig":
        """The configuration with both seeds set to 0, equal for all replicates of a setting."""
        return replace(self, seed=0, split_seed=0)

    def depths_of_similar_runs(self, others: Iterable["RunConfig"]) -> frozenset[int]:
        """Depths trained by those of the other configurations that differ from this one only in strategy and dropout,
        so that they need the same features.
        """
        return frozenset().union(
            *(
                other.counted_strategy.cumulative_max_depths
                for other in others
                if replace(self, strategy=other.strategy, dropout=other.dropout) == other
                and not other.strategy.is_from_scratch
            )
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"strategy": self.strategy.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunConfig":
        """The configuration that `to_json` wrote. Raises `ValueError` that names the invalid setting.

        A missing `leak_free` is read as False, since versions without this setting did not group near-duplicates, and a
        missing `base` as the default, which was the only one. A `batch_size` of 1, which earlier versions allowed, is
        read, but cannot be given to a new run.
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
        settings: dict[str, Any] = {"strategy": Strategy.from_json(data["strategy"]), "augmentation": augmentation}
        if type(data.get("batch_size")) is int and data["batch_size"] == 1:
            settings["batch_size"] = _StoredBatchOfOne(1)
        return cls(**{"leak_free": False} | data | settings)


def default_test_parts(seeds: int) -> str:
    """The test parts of a study of this many seeds unless the user chooses: with three or more, in turn."""
    return IN_TURN if seeds >= 3 else RANDOM


def _expect_dropout(dropout: object) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"Expected dropout to be a number from 0 to below 1; received {dropout!r}.")


def _expect_one_of(name: str, value: object, choices: tuple[float | str, ...]) -> None:
    if type(value) is not type(choices[0]) or value not in choices:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(str, choices))}; received {value!r}.")
