"""Train the same network from the same weights with the Keras backend of this process; print its losses as JSON.

    KERAS_BACKEND=jax python tests/backend_losses.py WEIGHTS DATA

The first process writes the weights file, the others read it. Dropout is switched off, because each backend draws
other random numbers.
"""

import json
import sys
from pathlib import Path

import numpy as np

from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy
from core.learning.inputs.training_data import load_data
from core.learning.network.model import build_model
from core.learning.training.loop import train

STRATEGY = Strategy("compared", (Phase(0, 1e-3, 2), Phase(11, 1e-4, 1)))


def main(weights: Path, folder: Path) -> None:
    dataset = scan(folder)
    config = RunConfig(
        str(folder),
        STRATEGY,
        batch_size=8,
        image_size=96,
        alpha=0.35,
        weights="sample",
        views=1,
        reuse=False,
        dropout=0.0,
    )
    model = build_model(config, len(dataset.classes))
    if weights.is_file():
        with np.load(weights) as file:
            model.set_weights([file[name] for name in sorted(file.files)])
    else:
        np.savez(weights, **{f"{i:04d}": array for i, array in enumerate(model.get_weights())})
    data = load_data(split(dataset, 0), dataset.root, config.image_size)
    outcome = train(config, model, data, lambda row: None)
    print(json.dumps([[row["loss"], row["val_loss"]] for row in outcome.rows]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
