"""Which measure finds pictures unlike the training images: `python benchmarks/unlike.py --data DIR --weights FILE`.

A head is trained on what a frozen base says of photos, with all classes and with each left out in turn. Then what each
measure says of test images is compared with what it says of drawn pictures, of noise, of the class left out, and of
the pictures in `--others`: by the area under the ROC curve, and by the share above the threshold that 95 of 100
validation images stay under.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
from scipy.stats import rankdata

from benchmarks.support.common import Figure, machine, print_table
from core.data.datasets.decode import load_image
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.data.sample_set.generate import sample_folder
from core.learning.inference.novelty import NEIGHBOURS, QUANTILE, NoveltyReference
from core.learning.network.backbone import build_base
from core.learning.network.cut_points import find_cut_points
from core.learning.network.frozen_part import build_frozen_part

SIZE = 224
Measure = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--weights", required=True, help="a weights file for alpha 1.0")
    parser.add_argument("--others", type=Path, help="folder of pictures of anything else")
    arguments = parser.parse_args()
    print(*machine(), "", sep="\n")
    base = build_base(1.0, SIZE, arguments.weights)
    trunk = build_frozen_part(base, find_cut_points(base)[-1:], 32)
    print_table(_figures(trunk, arguments.data, arguments.others))


def _figures(trunk: Callable, data: Path, others: Path | None) -> Iterator[Figure]:
    items = split(scan(data)).items
    features = _features(trunk, [load_image(data / item.path, SIZE) for item in items])
    labels, splits = (np.array([getattr(item, key) for item in items]) for key in ("label", "split"))
    novel = {
        "drawn": _features(trunk, [load_image(path, SIZE) for path in sorted(sample_folder().rglob("*.*g"))[::6]]),
        "noise": _features(trunk, list(_noise(20))),
    }
    if others:
        novel["other photos"] = _features(trunk, [load_image(path, SIZE) for path in sorted(others.iterdir())])
    for left_out in (None, *sorted(set(labels))):
        known = labels != left_out
        part = {name: known & (splits == name) for name in ("train", "validation", "test")}
        unknown = novel if left_out is None else {f"{left_out}, left out": features[~known]}
        for name, measure in _measures(features, labels, part).items():
            validation, own = measure(features[part["validation"]]), measure(features[part["test"]])
            bound = 1.0 if name.startswith("Distance") else np.quantile(validation, QUANTILE)
            told = [
                f"{kind} {_area(own, found):.2f}, {np.mean(found > bound):.0%}"
                for kind, rows in unknown.items()
                for found in [measure(rows)]
            ]
            yield Figure(f"{name} (test images above: {np.mean(own > bound):.0%})", "; ".join(told))


def _measures(features: np.ndarray, labels: np.ndarray, part: dict[str, np.ndarray]) -> dict[str, Measure]:
    """What is called strange, higher for stranger."""
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
    scores, hidden = (lambda rows, model=model: model.predict(rows, verbose=0) for model in (head, units))
    validation = features[part["validation"]]
    return {
        "Least probability": lambda rows: 1 - _softmax(scores(rows)).max(axis=1),
        "Energy": lambda rows: -np.logaddexp.reduce(scores(rows), axis=1),
        f"Distance to neighbour {NEIGHBOURS}, hidden units": _distance(hidden(validation), hidden),
        f"Distance to neighbour {NEIGHBOURS}, pooled features": _distance(validation, lambda rows: rows),
    }


def _distance(known: np.ndarray, seen_as: Callable[[np.ndarray], np.ndarray]) -> Measure:
    novelty_reference = NoveltyReference.of(known)
    return lambda rows: novelty_reference.novelty(seen_as(rows))


def _features(trunk: Callable, pictures: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([trunk(np.stack(pictures[start : start + 32]))[0] for start in range(0, len(pictures), 32)])


def _noise(pictures: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (pictures, SIZE, SIZE, 3), np.uint8)


def _softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def _area(own: np.ndarray, novel: np.ndarray) -> float:
    """The share of pairs of an own and a strange picture of which the strange one is called stranger."""
    ranks = rankdata(np.concatenate([own, novel]))
    return (ranks[len(own) :].sum() - len(novel) * (len(novel) + 1) / 2) / (len(own) * len(novel))


if __name__ == "__main__":
    main()
