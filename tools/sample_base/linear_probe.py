"""What frozen features tell: `python -m tools.sample_base.linear_probe --photos DIR [--imagenet FILE] [BASE.npz ...]`.

Ridge regression to the classes from the pooled features of each base at 96 px, over five folds of all images; beside
them the colours and edges that a pretraining measures, with no network at all. Of some strengths of the ridge the best
counts, for all alike. Without photos: the sample set.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keras
import numpy as np

from benchmarks.support.common import Figure, machine, print_table
from core.backbones.weights import SAMPLE_ALPHA, SAMPLE_BASE, SAMPLE_SIZE
from core.data.datasets.decode import load_image
from core.data.datasets.scan import data_folder, find_root, scan
from core.experiment.run_config import SAMPLE
from core.learning.network.backbone import build_base, rescaled
from tools.sample_base import colours_and_edges as looks

FOLDS: Final = 5
STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 0.1, 1, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bases", nargs="*", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--imagenet", type=Path, help="a file of ImageNet weights at alpha 1.0")
    arguments = parser.parse_args()
    folder = find_root(data_folder(str(arguments.photos.resolve()) if arguments.photos else SAMPLE))
    dataset = scan(folder)
    pixels = np.stack([load_image(folder / picture.path, SAMPLE_SIZE) for picture in dataset.pictures])
    labels = np.unique([picture.label for picture in dataset.pictures], return_inverse=True)[1]
    print(*machine(), f"{len(labels):,} images, {labels.max() + 1} classes", "", sep="\n", flush=True)
    print_table(Figure(what, f"{accuracy(features, labels):.1%}") for what, features in _looked_at(pixels, arguments))


def _looked_at(pixels: np.ndarray, arguments: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    colours, edges = looks.colours(pixels), looks.edges(pixels)
    yield from (
        ("colours, no network", colours),
        ("edges, no network", edges),
        ("colours and edges, no network", np.hstack([colours, edges])),
    )
    keras.utils.set_random_seed(0)  # for the random base
    for weights in ("random", SAMPLE_BASE, *map(str, arguments.bases)):
        yield f"{Path(weights).stem} base", pooled(build_base(SAMPLE_ALPHA, SAMPLE_SIZE, weights), pixels)
    if arguments.imagenet:
        yield "ImageNet base, alpha 1.0", pooled(build_base(1.0, SAMPLE_SIZE, str(arguments.imagenet)), pixels)


def pooled(base: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The mean of each channel of the last feature map: (n, channels)."""
    return base.predict(rescaled(pixels), verbose=0).mean((1, 2))


def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose class a ridge regression that has not seen them names, at its best strength."""
    fold = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    return max(
        np.mean(np.concatenate([_hits(features, labels, fold == number, strength) for number in range(FOLDS)]))
        for strength in STRENGTHS
    )


def _hits(features: np.ndarray, labels: np.ndarray, held_out: np.ndarray, strength: float) -> np.ndarray:
    seen = features[~held_out]
    mean, spread = seen.mean(0), seen.std(0) + 1e-6
    x, wanted = (seen - mean) / spread, np.eye(labels.max() + 1)[labels[~held_out]]
    gram = x.T @ x + strength * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (wanted - wanted.mean(0)))
    scores = (features[held_out] - mean) / spread @ weights + wanted.mean(0)
    return scores.argmax(1) == labels[held_out]


if __name__ == "__main__":
    main()
