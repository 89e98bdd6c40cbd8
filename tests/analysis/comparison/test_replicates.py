"""Test splits are equal if the test images are, whichever version wrote the manifest."""

import pytest

from core.analysis.comparison.replicates import Split, split_of
from core.data.datasets.split import Manifest, ManifestRow
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore

ROWS = (
    ManifestRow("a/0.png", "h0", "a", "test"),
    ManifestRow("a/1.png", "h1", "a", "train"),
    ManifestRow("b/2.png", "h2", "b", "test"),
    ManifestRow("b/3.png", "h3", "b", "validation"),
)
EARLIER = (
    "path,hash,label,split\r\na/0.png,h0,a,test\r\na/1.png,h1,a,train\r\nb/2.png,h2,b,test\r\nb/3.png,h3,b,validation"
)


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path)


def read(store: RunStore, manifest: str) -> Split:
    return split_of(store, store.create(RunConfig(), manifest))


def test_a_manifest_of_an_earlier_version_has_the_same_test_split_as_a_new_one(store):
    scaled = [ManifestRow(row.path, row.hash, row.label, row.split, "16-bit grey: 4095") for row in ROWS]
    grouped = [ManifestRow(row.path, row.hash, row.label, row.split, "", f"group {row.label}") for row in ROWS]
    found = [read(store, EARLIER), *(read(store, Manifest(tuple(rows)).to_csv()) for rows in (ROWS, scaled, grouped))]
    assert len(set(found)) == 1 and (found[0].test_to_train, found[0].images) == (2.0, 4)


@pytest.mark.parametrize("change", [("h0", "h9"), ("b/2.png,h2,b,test", "b/2.png,h2,b,train"), ("h2,b", "h2,c")])
def test_other_test_images_are_another_split(store, change):
    assert read(store, EARLIER.replace(*change)).test_id != read(store, EARLIER).test_id


def test_other_training_images_are_the_same_test_split(store):
    assert read(store, EARLIER.replace("h1", "h9")).test_id == read(store, EARLIER).test_id


@pytest.mark.faults
@pytest.mark.parametrize(
    "manifest", ["", "path,hash,split\na,b,test\n", EARLIER + "\nc,d", EARLIER.replace("test", "x")]
)
def test_a_damaged_manifest_counts_as_the_split_of_its_settings(store, manifest):
    assert read(store, manifest) == Split(hash(("sample", 0)))
