"""Saved predictions are read for any file name."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.comparison.replicates import saved_predictions
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore

file_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/") | st.sampled_from('\r\n\x0b\x85\u2028,"'),
    min_size=1,
    max_size=30,
)


@pytest.mark.faults
@given(st.sets(file_names, min_size=1, max_size=4))
def test_any_file_name_is_read_from_saved_predictions(tmp_path_factory, names):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create(RunConfig(), "path,hash,label,split\na.jpg,0,a,test\n")
    with (store.path(run.id) / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")  # as training writes it
        writer.writerows([["path", "label", "predicted", "p_a"], *([name, "a", "a", "1"] for name in sorted(names))])
    assert saved_predictions(store, run.id).paths == tuple(sorted(names))
