"""Controls for the images that stay in one part of the split, shared by the Data and the Train page."""

import streamlit as st

from core.data.datasets.allowed_folders import AllowedFolders
from core.data.datasets.groups import absolute_groups
from core.experiment.group_pattern import is_csv
from pages.parts.shared.form import PERSISTENT


def choose_grouping(folders: AllowedFolders) -> tuple[bool, str]:
    """Show the controls; return `leak_free` and `groups` of a configuration. Raises `ValueError` for bad groups."""
    leak_free = st.checkbox(
        "Keep near-duplicates together",
        key="leak-free",
        **PERSISTENT,
        help="Near-duplicates show the same photo. They stay in one part of the split, so that the test images are "
        "unseen. Without this, a test image may have a near-duplicate among the training images, and the test accuracy "
        "is too high. The Data page shows the near-duplicates.",
    )
    groups = st.text_input(
        "Groups",
        key="groups",
        **PERSISTENT,
        placeholder=r"(.+)_\d+",
        help="A group is a set of images that stay in one part of the split, such as those of one recording, object or "
        "burst. Enter a regular expression whose brackets enclose the name of the group: with `(.+)_\\d+`, "
        "clip1_001.jpg and clip1_002.jpg are in the group clip1. It is searched in the path below the class folder. Or "
        "enter the path of a CSV file on this machine with the columns path and group.",
    )
    return leak_free, _resolve(folders, groups)


def chosen_grouping(folders: AllowedFolders) -> tuple[bool, str]:
    """Return the values of the controls without showing them; bad groups, which the control reports, count as none."""
    try:
        groups = _resolve(folders, st.session_state.get("groups", ""))
    except ValueError:
        groups = ""
    return st.session_state.get("leak-free", True), groups


def _resolve(folders: AllowedFolders, text: str) -> str:
    """Return a pattern as it is, or the path of an existing CSV file in an allowed folder. Raises `ValueError`."""
    groups = text.strip()
    return absolute_groups(str(folders.resolve_file(groups)) if is_csv(groups) else groups)
