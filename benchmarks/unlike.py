"""Comparison of novelty scores for unfamiliar images: `python benchmarks/unlike.py --data DIR --weights FILE`.

Trains a head on the features of a frozen base, with all classes and with each class left out in turn. Then compares the
scores of test images with those of drawn images, noise, the class left out, and the images in `--others`: by the area
under the ROC curve, and by the share above the threshold that 95% of the validation images stay below.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
from scipy.stats import rankdata

from benchmarks.support.common import Measurement, machine, print_table
from core.backbones.registry import DEFAULT_BASE
from core.data.datasets.images.decode import load_image
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.data.sample_set.generate import sample_folder
from core.learning.inference.novelty import NEIGHBOURS, QUANTILE, NoveltyReference
from core.learning.network.base import build_base
from core.learning.network.cut_points import find_cut_points
from core.learning.network.frozen_part import build_frozen_part

SIZE = 224
Score = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with one subfolder per class")
    parser.add_argument("--weights", required=True, help="weights file for alpha 1.0")
    parser.add_argument("--others", type=Path, help="folder of images of anything else")
    arguments = parser.parse_args()
    print(*machine(), "", sep="\n")
    base = build_base(DEFAULT_BASE, 1.0, SIZE, arguments.weights)
    frozen_part = build_frozen_part(base, find_cut_points(base)[-1:], 32, DEFAULT_BASE.scaling)
    print_table(_evaluate(frozen_part, arguments.data, arguments.others))


def _evaluate(frozen_part: Callable, data: Path, others: Path | None) -> Iterator[Measurement]:
    items = split(scan(data)).items
    features = _features(frozen_part, [load_image(data / item.path, SIZE) for item in items])
    labels, splits = (np.array([getattr(item, key) for item in items]) for key in ("label", "split"))
    novel_images = {
        "drawn": _features(
            frozen_part, [load_image(path, SIZE) for path in sorted(sample_folder().rglob("*.*g"))[::6]]
        ),
        "noise": _features(frozen_part, list(_noise(20))),
    }
    if others:
        novel_images["other photos"] = _features(
            frozen_part, [load_image(path, SIZE) for path in sorted(others.iterdir())]
        )
    for left_out in (None, *sorted(set(labels))):
        is_known = labels != left_out
        part = {name: is_known & (splits == name) for name in ("train", "validation", "test")}
        unfamiliar = novel_images if left_out is None else {f"{left_out}, left out": features[~is_known]}
        for name, score in _scores(features, labels, part).items():
            validation, test = score(features[part["validation"]]), score(features[part["test"]])
            threshold = 1.0 if name.startswith("Distance") else np.quantile(validation, QUANTILE)
            results = [
                f"{kind} {_area_under_roc(test, novel):.2f}, {np.mean(novel > threshold):.0%}"
                for kind, rows in unfamiliar.items()
                for novel in [score(rows)]
            ]
            yield Measurement(f"{name} (test images above: {np.mean(test > threshold):.0%})", "; ".join(results))


def _scores(features: np.ndarray, labels: np.ndarray, part: dict[str, np.ndarray]) -> dict[str, Score]:
    """Train a head and return the scores to compare, by name; each is higher for less familiar images."""
    classes, numbers = np.unique(labels[part["train"]], return_inverse=True)
    keras.utils.set_random_seed(1)
    head = keras.Sequential(
        [
            keras.Input((features.shape[1],)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(len(classes)),
        ]
    )
    head.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    head.fit(features[part["train"]], numbers, batch_size=32, epochs=15, verbose=0)
    units = keras.Model(head.inputs, head.layers[2].output)
    logits, hidden = (lambda rows, model=model: model.predict(rows, verbose=0) for model in (head, units))
    validation = features[part["validation"]]
    return {
        "Low maximum probability": lambda rows: 1 - _softmax(logits(rows)).max(axis=1),
        "Energy": lambda rows: -np.logaddexp.reduce(logits(rows), axis=1),
        f"Distance to neighbour {NEIGHBOURS}, hidden units": _distance(hidden(validation), hidden),
        f"Distance to neighbour {NEIGHBOURS}, pooled features": _distance(validation, lambda rows: rows),
    }


def _distance(reference: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]) -> Score:
    novelty_reference = NoveltyReference.from_features(reference)
    return lambda rows: novelty_reference.score(transform(rows))


def _features(frozen_part: Callable, images: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([frozen_part(np.stack(images[start : start + 32]))[0] for start in range(0, len(images), 32)])


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def _area_under_roc(test: np.ndarray, novel: np.ndarray) -> float:
    """Share of pairs of a test image and an unfamiliar image in which the unfamiliar one has the higher score."""
    ranks = rankdata(np.concatenate([test, novel]))
    return (ranks[len(test) :].sum() - len(novel) * (len(novel) + 1) / 2) / (len(test) * len(novel))


if __name__ == "__main__":
    main()
