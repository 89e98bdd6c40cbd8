"""Preview of augmentation: augmented copies of one image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from core.data.datasets.augmentation import AugmentedCopy, augment
from core.data.datasets.dataset import ImageFile
from core.data.datasets.images.decode import UnreadableImage, load_image
from core.data.datasets.images.scales import parse_scale
from core.data.datasets.reports import Report
from core.experiment.run_config import Augmentation
from pages.parts.shared.augmentation_controls import choose_augmentation
from pages.parts.shared.services import show_error

_COPIES, _SIDE = 8, 160
_WIDTH = 104  # nine images of this width form a square on a phone


def show_augmented_copies(report: Report, images: Sequence[ImageFile]) -> None:
    """Let the user choose an image and the augmentation; after a button press show copies that follow the controls."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        by_path = {image.path: image for image in images}
        image = by_path[st.selectbox("Image", list(by_path), help="One of the images shown above.")]
        augmentation = choose_augmentation()
        if st.button("Show eight augmented copies"):
            st.session_state["preview-of"] = report.dataset.root
    with right:
        requested = st.session_state.get("preview-of") == report.dataset.root
        if not requested:
            st.caption(
                "Training uses augmented copies of each image in turn, changed at random within the limits set here. "
                "Validation and test images are not changed."
            )
        _show(report.dataset.root / image.path, image, augmentation if requested else None)


def _show(path: Path, image: ImageFile, augmentation: Augmentation | None) -> None:
    """Show the original image, and augmented copies of it unless `augmentation` is None."""
    try:
        copies = [] if augmentation is None else _augmented_copies(image.hash, image.scale, augmentation, path)
        with st.container(horizontal=True):
            for number, pixels in enumerate([load_image(path, _SIDE, parse_scale(image.scale)), *copies]):
                name = f"Copy {number}" if number else "Original"
                st.image(pixels, name, width=_WIDTH, alt=name)
    except (UnreadableImage, OSError) as error:
        st.session_state.pop("preview-of", None)  # retry when the button is pressed, not at every rerun
        show_error(error)


@st.cache_data(max_entries=64, show_spinner=False)
def _augmented_copies(content_hash: str, scale: str, augmentation: Augmentation, _path: Path) -> list[np.ndarray]:
    """Return (side, side, 3) uint8 copies of the image with this hash, augmented as in training."""
    pixels = load_image(_path, _SIDE, parse_scale(scale))
    return [augment(pixels, content_hash, AugmentedCopy(augmentation, number)) for number in range(_COPIES)]
