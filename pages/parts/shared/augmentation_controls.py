"""The dials of augmentation, the same ones on the Data and the Train page."""

import streamlit as st

from core.experiment.run_config import Augmentation
from pages.parts.shared.form import KEPT

_LIMIT = 0.5


def choose_augmentation() -> Augmentation:
    """Random changes to training images, as the four dials stand."""
    for name in ("flip", "rotation", "zoom", "contrast"):
        st.session_state.setdefault(f"augment-{name}", getattr(Augmentation(), name))
    return Augmentation(
        flip=st.checkbox(
            "Flip left and right",
            key="augment-flip",
            **KEPT,
            help="Half of the images, at random. Not for what reads one way, such as text.",
        ),
        rotation=_dial("Rotation", "augment-rotation", "At most this share of a full turn either way: 10% is 36°."),
        zoom=_dial("Zoom", "augment-zoom", "At most this much nearer or farther."),
        contrast=_dial("Contrast", "augment-contrast", "At most this much weaker or stronger."),
    )


def _dial(label: str, key: str, help: str) -> float:
    return st.slider(
        label, 0.0, _LIMIT, step=0.01, format="percent", key=key, help=f"{help} 0 switches it off.", **KEPT
    )
