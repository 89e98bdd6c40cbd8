"""Growing studies on images that need not exist, with workers that need no Keras."""

import json
import sys
from pathlib import Path

from harness import STUB, Lab

from core.data.datasets.dataset import Dataset, ImageFile
from core.data.growing_study import begin_growing_study
from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE
from core.experiment.run_config import IN_TURN, RunConfig

NAMES = ("feature-extraction", "fine-tuning", "two-phase")
STRATEGIES = dict(zip(NAMES, (FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE), strict=True))
TEMPLATE = RunConfig(data="/set", weights="random", test_parts=IN_TURN)
IMAGES = tuple(ImageFile(f"{label}/{n}.png", f"hash of {label}{n}", label, 8, 8) for label in "ab" for n in range(40))
DATASET = Dataset(Path("/set"), IMAGES, ())
OPEN = {"two-phase": [0.84, 0.76, 0.83, 0.77], "fine-tuning": [0.8]}
CLEAR = {"two-phase": [0.90], "fine-tuning": [0.6]}
WITH_A_LOSER = OPEN | {"feature-extraction": [0.3]}


def begin(lab: Lab, accuracies: dict[str, list[float | None]], max_seeds: int) -> str:
    (lab.root / "accuracies.json").write_text(json.dumps(accuracies))
    strategies = [STRATEGIES[name] for name in accuracies]
    return begin_growing_study(lab.store, TEMPLATE, strategies, DATASET, GrowthLimits(max_seeds)).id


def measured(run: Path, device: str, locks_folder: Path) -> list[str]:
    return [sys.executable, str(STUB), "measured", str(run), "--device", device, "--locks", str(locks_folder)]
