"""A run on a base that is no longer there: shown, compared, used for predictions and exported, but not trained."""

import json
import shutil
from pathlib import Path

import pytest
from pages_harness import button, open_page, texts

from core.analysis.results.settings import settings_of
from core.data.datasets.split import Manifest
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore
from core.learning.export.exporter import export_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run_0_1_0"


@pytest.fixture
def run(root: Path) -> Run:
    """A stopped run whose configuration names a base, a width and an image size that do not exist."""
    shutil.copytree(FIXTURE, root, dirs_exist_ok=True)
    (path,) = root.glob("2*/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base": "gone-net", "image_size": 97, "alpha": 0.2}))
    run = RunStore(root).runs()[0]
    assert isinstance(run, Run)
    return run


@pytest.mark.parametrize("name", ["home", "runs", "compare", "predict"])
def test_pages_show_it(run, name):
    page = open_page(name, study=run.study) if name in ("runs", "compare") else open_page(name)
    assert not page.exception and not page.error


def test_its_settings_say_that_the_base_is_missing(run):
    settings = settings_of(run.config)
    assert settings["Base"] == "gone-net (no longer available)" and "11 layers" in settings["Phase 2"]


def test_it_is_not_resumed_and_the_error_names_the_known_bases(run, root):
    with pytest.raises(
        ValueError, match=r"Expected one of the bases in core/backbones \(mobilenet-v2\); received 'gone-net'"
    ):
        RunStore(root).requeue(run.id)
    page = open_page("runs", study=run.study)
    button(page, "Resume").click().run()
    assert not page.exception and "gone" in page.toast[0].value


def test_duplicating_it_is_refused_in_one_line(run):
    page = open_page("train", **{"from": run.id})
    assert not page.exception and "gone-net" in texts(page)


def test_it_is_exported(run, root):
    folder = root / run.id
    tested = Manifest.from_csv((folder / "manifest.csv").read_text()).in_split("test")[:3]
    lines = [f"{item.path},{item.label},{item.label}" for item in tested]
    (folder / "predictions.csv").write_text("\n".join(["path,label,predicted", *lines]))
    assert export_model(folder, "onnx").bytes > 100_000
