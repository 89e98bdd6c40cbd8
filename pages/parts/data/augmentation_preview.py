"""What augmentation makes of one image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from core.data.datasets.augmentation import AugmentedCopy, augment
from core.data.datasets.decode import UnreadableImage, load_image
from core.data.datasets.reports import Report
from core.data.datasets.scan import ImageFile
from core.experiment.run_config import Augmentation
from pages.parts.shared.augmentation_controls import choose_augmentation
from pages.parts.shared.services import refuse

_VIEWS, _SIDE = 8, 160
_WIDTH = 104  # nine of them make a square on a phone


def show_views(report: Report, pictures: Sequence[ImageFile]) -> None:
    """Pick an image, turn the dials, see eight views of it; once asked for, the views follow the dials."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        by_path = {picture.path: picture for picture in pictures}
        picture = by_path[st.selectbox("Image", list(by_path), help="One of those shown above.")]
        augmentation = choose_augmentation()
        if st.button("Show eight views"):
            st.session_state["views-of"] = report.dataset.root
    with right:
        wanted = st.session_state.get("views-of") == report.dataset.root
        if not wanted:
            st.caption(
                "Epochs take views of a training image in turn: changed at random, within these dials. "
                "Validation and test images come as they are."
            )
        _show(report.dataset.root / picture.path, picture.hash, augmentation if wanted else None)


def _show(path: Path, content: str, augmentation: Augmentation | None) -> None:
    """The image as it is, and eight views of it unless `augmentation` is None."""
    try:
        views = [] if augmentation is None else _views(content, augmentation, path)
        with st.container(horizontal=True):
            for number, view in enumerate([load_image(path, _SIDE), *views]):
                name = f"View {number}" if number else "As it is"
                st.image(view, name, width=_WIDTH, alt=name)
    except (UnreadableImage, OSError) as error:
        st.session_state.pop("views-of", None)  # asked again by the button, not by every rerun
        refuse(error)


@st.cache_data(max_entries=64, show_spinner=False)
def _views(content: str, augmentation: Augmentation, _path: Path) -> list[np.ndarray]:
    """(side, side, 3) uint8 views of the image with this content, as training makes them."""
    pixels = load_image(_path, _SIDE)
    return [augment(pixels, content, AugmentedCopy(augmentation, number)) for number in range(_VIEWS)]
