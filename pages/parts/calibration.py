"""Whether models are as often right as they say, before and after their temperature."""

from collections.abc import Mapping, Sequence

import streamlit as st

import core
from pages.parts.services import Services
from pages.parts.show import show_chart, show_table

_SAID, _CALIBRATED = "As the models say", "Calibrated"


def show_calibration(here: Services, runs: Sequence[core.Run], results: Mapping[str, core.Measured],
                     names: dict[str, str]) -> None:
    """Reliability diagrams, and the figures of both states beside each other."""
    said = {run.id: answers for run in runs if (answers := core.answered(here.store, run.id))}
    plain = {run_id: found for run_id, answers in said.items() if (found := core.reliability(answers))}
    if not plain:
        st.markdown("How sure models were of each test image is not known of these runs.")
        return
    scaled = {run_id: core.reliability(said[run_id], results[run_id].temperature) for run_id in plain
              if results[run_id].temperature}
    st.caption("Below the dotted line a model is too sure: it is less often right than it says. A temperature, found "
               "on the validation images, makes up for that; Predict uses it.")
    which = st.segmented_control("Probabilities", [_SAID, _CALIBRATED], default=_SAID, required=True,
                                 key="probabilities", bind="query-params") if scaled else _SAID
    show_chart(core.calibration_chart(plain if which == _SAID else scaled, names, core.run_colours(runs)),
               "calibration", "How often models are right over how sure they are")
    rows, formats = core.calibration_table(plain, scaled, names)
    show_table(rows, "calibration-figures", "How far sureness and accuracy are apart, before and after", formats)
    st.caption("Error: how far sureness and accuracy are apart on average over groups of equally sure images (expected "
               "calibration error). Log loss also falls where a model is right and sure.")
