"""Predictions of trained models for uploaded images, computed once each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from core.analysis.results.ensemble import AnyModel
from core.analysis.results.predictions import Prediction, mean_prediction
from core.analysis.results.trained_models import TrainedModel
from core.data.datasets.images.scales import whites_of
from core.data.explain.model_output import ModelOutput
from core.data.uploads.uploaded_images import Content, load_pixels
from core.execution.keras_service.client import KerasServiceError

BATCH_SIZE = 16
"""Images per request to a model."""

Predict = Callable[[Path, np.ndarray], ModelOutput]
"""Predicts (n, size, size, 3) uint8 images with the model in a file."""

Key = tuple[str, str, int]
"""Image hash, run id, and the stamp of the model file."""


class PredictionCache:
    """The predictions of one browser session, by image hash and model. The images themselves are not stored.

    `failures` holds the error message of each model that failed, by run id; `unreadable` the reason for each image
    that could not be read, by hash. Neither is tried again until its entry is removed.
    """

    def __init__(self) -> None:
        self._predictions: dict[Key, Prediction] = {}
        self.failures: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    def get(self, image: str, model: AnyModel) -> Prediction | None:
        """Return the model's prediction for the image with this hash; None if it has not been computed.

        That of an ensemble is the mean of its members' predictions.
        """
        found = [self._predictions.get(_key(image, member)) for member in model.members]
        known = [prediction for prediction in found if prediction]
        return mean_prediction(known) if len(known) == len(found) else None

    def has_failed(self, model: AnyModel) -> bool:
        """Whether the model failed, or a member of the ensemble."""
        return any(member.run.id in self.failures for member in model.members)

    def get_all(self, image: str, models: Iterable[AnyModel]) -> list[Prediction]:
        """Return the predictions of these models for an image, without those that have not been computed."""
        return [prediction for model in models if (prediction := self.get(image, model))]

    def keep_only(self, images: Iterable[str]) -> None:
        """Delete the predictions of all images except those with these hashes."""
        remaining = set(images)
        self._predictions = {key: prediction for key, prediction in self._predictions.items() if key[0] in remaining}

    def compute(
        self, contents: Mapping[str, Content], models: Sequence[AnyModel], predict: Predict
    ) -> Iterator[tuple[int, int]]:
        """Compute the missing predictions of all models, and of the members of ensembles, for these images.

        Yields (computed, total) after each batch. Predictions computed so far are kept if the caller stops iterating.

        Args:
            contents: the images by hash.
        """
        members = list({member.run.id: member for model in models for member in model.members}.values())
        images = [image for image in contents if any(self._is_missing(image, member) for member in members)]
        total, done = sum(self._is_missing(image, member) for image in images for member in members), 0
        for start in range(0, len(images), BATCH_SIZE):
            batch = images[start : start + BATCH_SIZE]
            pixels_by_input = {
                (size, scales): self._load({image: contents[image] for image in batch}, size, scales)
                for size, scales in {(member.image_size, member.scales) for member in members}
            }
            for member in members:
                missing = [image for image in batch if self._is_missing(image, member)]
                if missing:
                    pixels = np.stack([pixels_by_input[member.image_size, member.scales][image] for image in missing])
                    self._predict_batch(missing, pixels, member, predict)
                    done += len(missing)
                    yield min(done, total), total

    def _is_missing(self, image: str, model: TrainedModel) -> bool:
        has_failed = model.run.id in self.failures or image in self.unreadable
        return not has_failed and _key(image, model) not in self._predictions

    def _load(self, contents: Mapping[str, Content], size: int, scales: Sequence[str] | None) -> dict[str, np.ndarray]:
        pixels, unreadable = load_pixels(contents, size, whites_of(scales))
        self.unreadable |= unreadable
        return pixels

    def _predict_batch(self, images: Sequence[str], pixels: np.ndarray, model: TrainedModel, predict: Predict) -> None:
        try:
            output = predict(model.path, pixels)
        except KerasServiceError as error:
            self.failures[model.run.id] = str(error)
            return
        if output.probabilities.shape[1] == len(model.classes):
            self._predictions |= {
                _key(image, model): Prediction.from_output(model, output, number) for number, image in enumerate(images)
            }
        else:
            self.failures[model.run.id] = (
                f"Expected {len(model.classes)} probabilities of {model.run.title}; "
                f"received {output.probabilities.shape[1]}. Choose another run."
            )


def _key(image: str, model: TrainedModel) -> Key:
    return image, model.run.id, model.stamp
