"""Linear probe of frozen features: `python -m tools.sample_base.linear_probe [--photos DIR] [BASE.npz ...]`.

Ridge regression predicts the classes from the pooled features of each base at 96 px, with 5-fold cross-validation; for
comparison also from colours and edges, without a network. For each set of features the best of several regularisation
strengths counts. Without `--photos` the sample set is used.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras
import numpy as np

from benchmarks.support.common import Measurement, machine, print_table
from core.backbones.registry import DEFAULT_BASE
from core.backbones.weights import SAMPLE_BASE
from core.data.datasets.folder_layout import data_folder, find_root
from core.data.datasets.images.decode import load_image
from core.data.datasets.scan import scan
from core.experiment.run_config import SAMPLE
from core.learning.network.base import build_base, scale_pixels
from tools.sample_base import colours_and_edges

FOLDS: Final = 5
WIDTH, SIZE = 0.35, 96
"""Width and image size of the sample base."""
STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 0.1, 1, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bases", nargs="*", type=Path, help="weights files written by tools.sample_base.pretrain")
    parser.add_argument("--photos", type=Path, help="folder of class folders")
    parser.add_argument("--imagenet", type=Path, help="a file of ImageNet weights at alpha 1.0")
    arguments = parser.parse_args()
    folder = find_root(data_folder(str(arguments.photos.resolve()) if arguments.photos else SAMPLE))
    dataset = scan(folder)
    pixels = np.stack([load_image(folder / image.path, SIZE) for image in dataset.images])
    labels = np.unique([image.label for image in dataset.images], return_inverse=True)[1]
    print(*machine(), f"{len(labels):,} images, {labels.max() + 1} classes", "", sep="\n", flush=True)
    print_table(
        Measurement(name, f"{accuracy(features, labels):.1%}") for name, features in _feature_sets(pixels, arguments)
    )


def _feature_sets(pixels: np.ndarray, arguments: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, features of all images) for each set of features to compare."""
    colours, edges = colours_and_edges.colours(pixels), colours_and_edges.edges(pixels)
    yield from (
        ("colours, no network", colours),
        ("edges, no network", edges),
        ("colours and edges, no network", np.hstack([colours, edges])),
    )
    keras.utils.set_random_seed(0)  # for the random base
    for weights in ("random", SAMPLE_BASE, *map(str, arguments.bases)):
        yield f"{Path(weights).stem} base", pooled(build_base(DEFAULT_BASE, WIDTH, SIZE, weights), pixels)
    if arguments.imagenet:
        yield "ImageNet base, alpha 1.0", pooled(build_base(DEFAULT_BASE, 1.0, SIZE, str(arguments.imagenet)), pixels)


def pooled(base: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Compute the mean of each channel of the last feature map: (images, channels)."""
    features: np.ndarray = base.predict(scale_pixels(pixels, DEFAULT_BASE.scaling), verbose=0).mean((1, 2))
    return features


def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Compute the cross-validated accuracy of a ridge regression with the best regularisation strength."""
    fold = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    return max(
        float(np.concatenate([_correct(features, labels, fold == k, strength) for k in range(FOLDS)]).mean())
        for strength in STRENGTHS
    )


def _correct(features: np.ndarray, labels: np.ndarray, held_out: np.ndarray, strength: float) -> np.ndarray:
    """Fit on all images that are not held out; returns for each held-out image whether its class is predicted."""
    training = features[~held_out]
    mean, deviation = training.mean(0), training.std(0) + 1e-6
    x, targets = (training - mean) / deviation, np.eye(labels.max() + 1)[labels[~held_out]]
    gram = x.T @ x + strength * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (targets - targets.mean(0)))
    scores = (features[held_out] - mean) / deviation @ weights + targets.mean(0)
    correct: np.ndarray = scores.argmax(1) == labels[held_out]
    return correct


if __name__ == "__main__":
    main()
