"""Presets: the form filled in from a kept one, and kept under a name."""

import streamlit as st

from core.analysis.text import escape_markdown
from core.experiment.guidelines import rules_of_thumb
from core.experiment.preset import Preset
from core.experiment.strategy import STRATEGIES, unfreeze_sweep
from core.machine.devices import gpu_memory
from pages.parts.shared.form import fill, fill_default, keep_data
from pages.parts.shared.services import Services, error_text

COURSE, DEPTHS = "The course's settings", "How deep to unfreeze: seven depths"
BUILT_IN = {COURSE: tuple(STRATEGIES.values()), DEPTHS: unfreeze_sweep()}


def load_preset(services: Services, images: int | None) -> None:
    """A choice of kept settings that fill in the form; beside it the rules of thumb for so many images."""
    names = [*BUILT_IN, *services.presets.names()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Start from",
            names,
            key="preset",
            width=320,
            help="Settings kept under a name. Those of an earlier run: Duplicate on the Runs page.",
        )
        st.button("Fill in", on_click=_load, args=(services, name))
        if name not in BUILT_IN:
            with st.popover("Delete", type="tertiary"):
                st.button("Delete this preset for good", on_click=_delete, args=(services, name))
        with st.popover("Rules of thumb", type="tertiary", icon=":material/lightbulb:"):
            for rule in rules_of_thumb(images, gpu_memory()):
                st.markdown(f"- {escape_markdown(rule)}")


def save_preset(services: Services, preset: Preset) -> None:
    """Keep the form's settings under a name; one that is taken is said to be replaced."""
    with st.popover("Keep these settings"):
        name = st.text_input("Name of the preset", key="preset-name", help="It appears under Start from.").strip()
        st.button(
            "Replace" if name in services.presets.names() else "Keep",
            disabled=not name,
            on_click=_save,
            args=(services, name, preset),
        )


def _save(services: Services, name: str, preset: Preset) -> None:
    try:
        services.presets.save(name, preset)
        st.toast(f"Kept as {escape_markdown(name)}. It is in the list under Start from.")
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _delete(services: Services, name: str) -> None:
    try:
        services.presets.delete(name)
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _load(services: Services, name: str) -> None:
    if name in BUILT_IN:
        fill_default(BUILT_IN[name])
        return
    try:
        preset = services.presets.load(name)
    except ValueError as error:
        st.toast(escape_markdown(str(error)))
        return
    fill(preset)
    keep_data(preset.template.data)
