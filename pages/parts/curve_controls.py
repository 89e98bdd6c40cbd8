"""How learning curves are looked at: the controls above them, kept in the URL."""

import streamlit as st

import core

_AXES = {"Epoch": "epoch", "Step": "step", "Time": "elapsed"}
_SMOOTHING = {"epoch": 0.0, "step": 0.6, "elapsed": 0.6}  # epochs are few points, steps many


def choose_view(key_prefix: str) -> core.CurveView:
    """The controls, and the view that they ask for; `key_prefix` begins their names in the URL."""

    def key(name: str) -> str:
        return f"{key_prefix}-{name}"

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = st.segmented_control("Curves by", list(_AXES), default="Epoch", required=True, key=key("by"),
                                  bind="query-params")
        axis = _AXES.get(by or "", "epoch")
        smoothing = st.slider("Smoothing", 0.0, 0.95, _SMOOTHING[axis], 0.05, key=key(f"smooth-{axis}"), width=180,
                              bind="query-params", help="How much of what came before goes into each point. "
                              "The raw line stays, faint; validation by step or time stays as measured.")
        aligned = st.toggle("Align at fine-tuning", key=key("aligned"), bind="query-params",
                            help="Runs stand at the same place where they begin to train layers of the base.")
        log = st.toggle("Log of loss", key=key("log"), bind="query-params")
        ignore = st.toggle("Ignore outliers", key=key("robust"), bind="query-params",
                           help="Fit the charts to all but the lowest and the highest twentieth of the values.")
    return core.CurveView(axis, aligned, smoothing, log, ignore)
