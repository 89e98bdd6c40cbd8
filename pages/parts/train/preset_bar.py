"""Presets: apply saved settings to the form, or save the form's settings under a name."""

import streamlit as st

from core.analysis.text import escape_markdown
from core.experiment.guidelines import rules_of_thumb
from core.experiment.named_strategies import STRATEGY_CHOICES, SharedSettings
from core.experiment.preset import BUILT_IN_PRESETS, Preset
from core.machine.devices import gpu_memory
from pages.parts.shared.form import fill, fill_default, select_data, selected_base
from pages.parts.shared.services import Services, error_text


def choose_preset(services: Services, images: int | None) -> None:
    """Show the list of presets to apply or delete, and the rules of thumb for this number of images."""
    names = [*BUILT_IN_PRESETS, *services.presets.names()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Preset",
            names,
            key="preset",
            width=320,
            help="Settings saved under a name. To start from an earlier run, use Duplicate on the Runs page.",
        )
        st.button("Apply preset", on_click=_apply, args=(services, name))
        if name not in BUILT_IN_PRESETS:
            with st.popover("Delete", type="tertiary"):
                st.button("Delete this preset permanently", on_click=_delete, args=(services, name))
        with st.popover("Rules of thumb", type="tertiary", icon=":material/lightbulb:"):
            for rule in rules_of_thumb(images, gpu_memory(), selected_base()):
                st.markdown(f"- {escape_markdown(rule)}")


def save_preset(services: Services, preset: Preset) -> None:
    """Show the controls that save the form's settings under a name; an existing name is replaced."""
    with st.popover("Save as preset"):
        name = st.text_input("Name of the preset", key="preset-name", help="It appears in the list of presets.").strip()
        st.button(
            "Replace" if name in services.presets.names() else "Save",
            disabled=not name,
            on_click=_save,
            args=(services, name, preset),
        )


def _save(services: Services, name: str, preset: Preset) -> None:
    try:
        services.presets.save(name, preset)
        st.toast(f"Saved as {escape_markdown(name)}. Select it in the list of presets to apply it.")
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _delete(services: Services, name: str) -> None:
    try:
        services.presets.delete(name)
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _apply(services: Services, name: str) -> None:
    if name in BUILT_IN_PRESETS:
        base = selected_base()
        fill_default(base, STRATEGY_CHOICES[BUILT_IN_PRESETS[name]](SharedSettings(base=base)))
        return
    try:
        preset = services.presets.load(name)
        fill(preset)
    except ValueError as error:
        st.toast(escape_markdown(str(error)))
        return
    select_data(preset.template.data)
