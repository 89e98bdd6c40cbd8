"""The runs of further seeds are split exactly as if all seeds had been planned at once."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.data.datasets.dataset import DataError, Dataset, ImageFile
from core.data.datasets.split import Manifest
from core.data.growing_study import begin_growing_study, dataset_of, plan_next_seeds, split_basis
from core.data.study_plan import plan_study
from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import FINE_TUNING, TWO_PHASE
from core.experiment.run_config import TEST_PARTS, RunConfig
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run_store import RunStore

predefined = st.sampled_from([[""], ["train", "test"], ["train", "validation"], ["train", "validation", "test"]])


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Images with near-duplicates, groups, exact duplicates and scales, with or without folders of their own."""
    parts, images = draw(predefined), []
    for number in range(draw(st.integers(20, 50))):
        label, part = draw(st.sampled_from("ab")), draw(st.sampled_from(parts))
        near, group = draw(st.sampled_from(["", "", "1", "2"])), draw(st.sampled_from(["", "", "", "g1", "g2", "g3"]))
        path, scale = f"{part}/{label}/{number}.png", draw(st.sampled_from(["", "16-bit grey: 4095"]))
        duplicates = near and f"hash of {near}{label}"
        images.append(ImageFile(path, f"hash of {number}", label, 8, 8, part, duplicates, scale=scale, group=group))
    copies = draw(st.lists(st.sampled_from(images), max_size=4, unique=True))
    return Dataset(Path("/set"), (*images, *(replace(copy, path=f"{copy.path}.png") for copy in copies)), ())


@given(datasets(), st.integers(0, 10**6), st.sampled_from(TEST_PARTS), st.booleans())
def test_a_manifest_and_the_stored_basis_give_every_split_again(data, seed, test_parts, leak_free):
    template = RunConfig(data="/set", test_parts=test_parts, leak_free=leak_free)
    try:
        planned = plan_study(template, [TWO_PHASE], data, [seed, seed + 1])
    except DataError:
        assume(False)
    again = dataset_of(Manifest.from_csv(planned[0][1]), split_basis(data))
    assert plan_study(template, [TWO_PHASE], again, [seed, seed + 1]) == planned


def test_further_seeds_of_scanned_images_are_planned_without_reading_them(tmp_path, tiny_dataset, monkeypatch):
    store, template = RunStore(tmp_path), RunConfig(data=str(tiny_dataset.root), seed=7, groups=r"00(\d)\.")
    study = begin_growing_study(store, template, [TWO_PHASE, FINE_TUNING], tiny_dataset, GrowthLimits(4))
    growth = GrowthStore(store).load(study.id)
    monkeypatch.setattr("core.data.datasets.scan.scan", None)
    planned = plan_next_seeds(store, growth)
    assert planned == plan_study(template, [TWO_PHASE, FINE_TUNING], tiny_dataset, [10])
    with pytest.raises(DataError, match="which is missing"):
        plan_next_seeds(store, replace(growth, basis=replace(growth.basis, root=str(tmp_path))))
