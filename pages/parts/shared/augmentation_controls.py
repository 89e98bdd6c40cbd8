"""Controls for augmentation, shared by the Data and the Train page."""

import streamlit as st

from core.experiment.run_config import Augmentation
from pages.parts.shared.form import PERSISTENT

_LIMIT = 0.5


def choose_augmentation() -> Augmentation:
    """Show a control for each kind of random change to training images; return the chosen values."""
    for name in ("flip", "rotation", "zoom", "contrast"):
        st.session_state.setdefault(f"augment-{name}", getattr(Augmentation(), name))
    return Augmentation(
        flip=st.checkbox(
            "Horizontal flip",
            key="augment-flip",
            **PERSISTENT,
            help="Mirrors half of the images, chosen at random. Switch it off for images with a reading direction, "
            "such as text.",
        ),
        rotation=_slider(
            "Rotation",
            "augment-rotation",
            "Largest rotation in either direction, in full turns: 10% is 36°.",
        ),
        zoom=_slider("Zoom", "augment-zoom", "Largest change of scale, in or out."),
        contrast=_slider("Contrast", "augment-contrast", "Largest decrease or increase of contrast."),
    )


def _slider(label: str, key: str, help: str) -> float:
    return st.slider(
        label, 0.0, _LIMIT, step=0.01, format="percent", key=key, help=f"{help} 0 switches it off.", **PERSISTENT
    )
