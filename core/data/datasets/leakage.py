"""What leaks from training into the test: test pictures that show a photo which also trains."""

from collections.abc import Set

from core.data.datasets.scan import Dataset
from core.data.datasets.split import Manifest


def leaked_images(dataset: Dataset, manifest: Manifest) -> Set[str]:
    """Paths of the test pictures whose like, equal or nearly, is among those that train or choose the epoch."""
    photo = dataset.photos
    seen = {photo.get(item.hash, item.hash) for item in manifest.items if item.split != "test"}
    return {item.path for item in manifest.of("test") if photo.get(item.hash, item.hash) in seen}
