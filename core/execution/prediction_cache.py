"""What trained models say of pictures, each asked once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from core.analysis.results.predictions import Prediction
from core.analysis.results.trained_models import TrainedModel
from core.data.explain.model_output import ModelOutput
from core.data.uploads.uploaded_images import Content, pixels_of
from core.execution.keras_service.client import KerasServiceError

ASKED_AT_ONCE = 16

Predict = Callable[[Path, np.ndarray], ModelOutput]
Key = tuple[str, str, int]


class PredictionCache:
    """The answers that one visitor got: of each picture and model what the model saw, and nothing of the picture.

    `failures` says, by run id, why a model could not be asked, `unreadable`, by hash, why a picture could not be read;
    none of them is tried again until its entry is removed.
    """

    def __init__(self) -> None:
        self._known: dict[Key, Prediction] = {}
        self.failures: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    def of(self, picture: str, model: TrainedModel) -> Prediction | None:
        """What a model said of the picture with this hash; None where it was not asked."""
        return self._known.get(_key(picture, model))

    def known(self, picture: str, models: Iterable[TrainedModel]) -> list[Prediction]:
        """What these models said of a picture, without those that were not asked."""
        return [said for model in models if (said := self.of(picture, model))]

    def keep_only(self, pictures: Iterable[str]) -> None:
        """Forget all pictures but those with these hashes."""
        kept = set(pictures)
        self._known = {key: answer for key, answer in self._known.items() if key[0] in kept}

    def compute(
        self, contents: Mapping[str, Content], models: Sequence[TrainedModel], predict: Predict
    ) -> Iterator[tuple[int, int]]:
        """Ask each model about each picture (content by hash) it was not asked before.

        Yields (done, all) answers after each batch; what is known then stays known, also if nobody asks for the rest.
        """
        missing = [picture for picture in contents if any(self._lacks(picture, model) for model in models)]
        total, done = sum(self._lacks(picture, model) for picture in missing for model in models), 0
        for start in range(0, len(missing), ASKED_AT_ONCE):
            batch = missing[start : start + ASKED_AT_ONCE]
            squares = {
                size: self._read({picture: contents[picture] for picture in batch}, size)
                for size in {model.image_size for model in models}
            }
            for model in models:
                unknown = [picture for picture in batch if self._lacks(picture, model)]
                if unknown:
                    pixels = np.stack([squares[model.image_size][picture] for picture in unknown])
                    self._ask_one(unknown, pixels, model, predict)
                    done += len(unknown)
                    yield min(done, total), total

    def _lacks(self, picture: str, model: TrainedModel) -> bool:
        tried_in_vain = model.run.id in self.failures or picture in self.unreadable
        return not tried_in_vain and _key(picture, model) not in self._known

    def _read(self, contents: Mapping[str, Content], size: int) -> dict[str, np.ndarray]:
        pixels, unreadable = pixels_of(contents, size)
        self.unreadable |= unreadable
        return pixels

    def _ask_one(self, pictures: Sequence[str], pixels: np.ndarray, model: TrainedModel, predict: Predict) -> None:
        try:
            seen = predict(model.path, pixels)
        except KerasServiceError as error:
            self.failures[model.run.id] = str(error)
            return
        if seen.probabilities.shape[1] == len(model.classes):
            self._known |= {
                _key(picture, model): Prediction.of(model, seen, number) for number, picture in enumerate(pictures)
            }
        else:
            self.failures[model.run.id] = (
                f"Expected {len(model.classes)} probabilities of {model.run.title}; "
                f"received {seen.probabilities.shape[1]}. Choose another run."
            )


def _key(picture: str, model: TrainedModel) -> Key:
    return picture, model.run.id, model.stamp
