"""The network of a run, built only when something needs it: the head trains, and is saved, without its base."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from core.experiment.run_config import RunConfig
from core.experiment.strategy import FROM_SCRATCH
from core.learning.head.head_weights import HeadWeights, initial_head
from core.learning.network.cut_points import CutPoint, cut_point_for, is_pooled, pooled_features
from core.learning.network.engines.engine import Engine, FrozenPart
from core.learning.network.reuse.known_networks import KnownNetwork
from core.learning.network.reuse.model_file import copy_with_head
from core.learning.network.reuse.shared_model import shared_model
from core.machine.files import ZIP_ERRORS

if TYPE_CHECKING:
    import keras


class RunNetwork:
    """A base with a head, or the baseline. Keras is imported when the base is first needed.

    As long as no layers are opened, the base has its initial weights, those of its weights file. Then its fingerprint
    is known from earlier runs, and the model file of such a run is a template: it is copied, with the head of this run.
    Runs that train only the head share the base in memory; each has its own head.

    Args:
        classes: number of classes.
        model: the network, if it is built already.
        before_build: called before the network is built, to configure Keras.
        head_only: whether only the head will train; by default, whether the strategy trains only the head.

    Raises `UnknownBase`, and `WeightsError` if the weights are not available.
    """

    def __init__(
        self,
        config: RunConfig,
        classes: int,
        model: keras.Model | None = None,
        before_build: Callable[[], None] = lambda: None,
        head_only: bool | None = None,
    ) -> None:
        self._config, self._classes, self._before_build = config, classes, before_build
        self._model = model
        self._head: HeadWeights | None = None
        self._base_is_initial = not config.strategy.is_from_scratch and model is None
        self._known = KnownNetwork(config, classes) if self._base_is_initial else None
        is_shared = config.strategy.trains_head_only if head_only is None else head_only
        self._shared = shared_model(self._shared_key(self._known)) if self._known and is_shared else None

    def _shared_key(self, known: KnownNetwork) -> tuple[object, ...]:
        seed = None if known.name else self._config.seed  # random weights depend on the seed
        size = self._config.image_size, self._config.alpha, self._config.batch_size
        return (known.name, seed, self._config.base, self._classes, *size)

    @property
    def model(self) -> keras.Model:
        """The whole network as a Keras model. Its head is that of the run only if the base is not shared.

        Raises `WeightsError`.
        """
        if self._shared:
            return self._shared.model(self._build)
        if self._model is None:
            self._model = self._build()
        return self._model

    def _build(self) -> keras.Model:
        from core.learning.network.model import assign_head, build_model  # Keras takes seconds to import

        self._before_build()
        model = build_model(self._config, self._classes)
        if self._head is not None:
            assign_head(model, self._head)
        return model

    def open_model(self) -> keras.Model:
        """Return the model for a training that may change its base."""
        assert self._shared is None  # another run would train on the changed base
        self._base_is_initial = False
        return self.model

    @property
    def base(self) -> keras.Model | None:
        """The base as a Keras model; None for the baseline."""
        from core.learning.network.model import base_of

        return base_of(self.model)

    @property
    def head(self) -> HeadWeights:
        """A copy of the weights of the head."""
        if self._model is not None:
            from core.learning.network.model import read_head

            return read_head(self._model)
        if self._head is None:
            pooled = self.cut_point(0)
            assert pooled is not None  # every base can be pooled
            self._head = initial_head(pooled.shape[0], self._classes, self._config.seed)
        return self._head.copy()

    @head.setter
    def head(self, head: HeadWeights) -> None:
        self._head = head.copy()
        if self._model is not None:
            from core.learning.network.model import assign_head

            assign_head(self._model, head)

    def cut_point(self, depth: int) -> CutPoint | None:
        """Return where a phase starts that trains the top `depth` layers; None = from the images.

        The head alone always starts from the pooled features; deeper phases from the images if the run reuses nothing.
        """
        if depth == FROM_SCRATCH:
            return None
        if depth == 0 and self._config.backbone.layer_table.is_file():
            return pooled_features(self._config)
        return cut_point_for(self.base, depth) if self._config.reuse or depth == 0 else None

    def fingerprint(self, cut_point: CutPoint) -> str:
        """Return the fingerprint of the layers below the cut point."""
        is_whole_base = is_pooled(cut_point)
        if self._known and is_whole_base and (known := self._known.fingerprint):
            return known
        from core.learning.network.fingerprint import fingerprint

        computed = fingerprint(self._config, self.base, cut_point)
        if self._known and is_whole_base:
            self._known.remember_fingerprint(computed)
        return computed

    def build_frozen_part(
        self, cut_points: tuple[CutPoint, ...], preferred: Engine | None = None, few_images: float | None = None
    ) -> FrozenPart:
        """Build a function from images to the features at these cut points, with the current weights.

        Args:
            preferred: the engine to use as long as it does not fail; by default, the fastest exact one.
            few_images: see `core.learning.network.frozen_part.build_frozen_part`.
        """
        from core.learning.network.frozen_part import FEW_IMAGES, build_frozen_part, prefer

        # deterministic runs never change the engine: features of two engines differ in their last bits
        few = few_images if few_images is not None else math.inf if self._config.deterministic else FEW_IMAGES

        def build() -> FrozenPart:
            settings = self.base, cut_points, self._config.batch_size, self._config.backbone.scaling
            return prefer(preferred, *settings) if preferred else build_frozen_part(*settings, few)

        return self._shared.once((cut_points, preferred, few), build) if self._shared else build()

    def build_frozen_part_with(self, cut_points: tuple[CutPoint, ...], engine: Engine) -> FrozenPart:
        """Build the same function with this engine alone. Raises the engine's errors of any type."""
        from core.learning.network.frozen_part import build_with

        return build_with(engine, self.base, cut_points, self._config.backbone.scaling)

    def to_float32(self) -> None:
        """Replace a model that was trained in mixed precision by its float32 copy, to save and evaluate that."""
        if self._model is not None:
            from core.learning.network.model import in_float32

            self._model = in_float32(self._model)

    def save(self, path: Path) -> None:
        """Write the network as a .keras file in float32. Raises `OSError`."""
        if self._base_is_initial and self._model is None and self._save_from_template(path):
            return
        from core.learning.network.model import assign_head, in_float32

        with self._shared.lock if self._shared else nullcontext():
            if self._shared:
                assign_head(self.model, self.head)
                self.model.get_layer("dropout").rate = self._config.dropout
            in_float32(self.model).save(path)
        if self._base_is_initial and self._known:
            self._known.remember_template(path)

    def _save_from_template(self, path: Path) -> bool:
        template = self._known.template if self._known else None
        if self._known is None or template is None:
            return False
        try:
            copy_with_head(template, self.head, path)
            return True
        except (*ZIP_ERRORS, KeyError):
            self._known.forget_template()
            return False
