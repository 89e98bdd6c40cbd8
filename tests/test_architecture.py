"""Rules for imports and documentation. The layers are checked by import-linter."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PARTS = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts)
    for path in (PROJECT / "pages" / "parts").rglob("[a-z]*.py")
]
MODULES_WITHOUT_KERAS = {
    "core": "core",
    "all parts of pages": ", ".join(PARTS),
    "charts": "core.analysis.charts.common",
    "worker": "core.execution.queue.worker",
    "terminal": "transfer_learning",
}


@pytest.mark.parametrize("modules", MODULES_WITHOUT_KERAS.values(), ids=MODULES_WITHOUT_KERAS)
def test_importing_loads_no_keras(modules):
    code = (
        f"import sys, {modules}; "
        "sys.exit(bool({'tensorflow', 'keras', 'torch', 'jax', 'openvino'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


@pytest.mark.parametrize("package", ["core", "pages"])
def test_no_folder_has_more_than_14_files(package):
    for folder in (path for path in (PROJECT / package).rglob("*") if path.is_dir() and path.name != "__pycache__"):
        assert len([path for path in folder.iterdir() if path.is_file()]) <= 14, folder


def test_file_names_are_unambiguous():
    """Only a statistic and its chart may share a name."""
    files = [path for package in ("core", "pages", "tools") for path in (PROJECT / package).rglob("[a-z]*.py")]
    repeated = {name for name, count in Counter(path.stem for path in files).items() if count > 1}
    folders = {path.parent.relative_to(PROJECT).as_posix() for path in files if path.stem in repeated}
    assert folders == {"core/analysis/comparison", "core/analysis/charts"}


def test_the_front_door_is_small():
    assert (
        subprocess.run([sys.executable, "-c", "import core; assert len(core.__all__) <= 45"], cwd=PROJECT).returncode
        == 0
    )


def test_no_file_in_core_mentions_streamlit():
    paths = [
        path
        for path in (PROJECT / "core").rglob("*.py")
        if re.search(r"\bstreamlit\b", path.read_text(encoding="utf-8"))
    ]
    assert paths == []


def test_core_exports_every_name_in_all():
    code = "import core; [getattr(core, name) for name in core.__all__]"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_the_readme_mentions_only_existing_options():
    text = (PROJECT / "README.md").read_text()
    mentioned = set(re.findall(r"--[a-z0-9-]+", " ".join(re.findall(r"transfer_learning\.py[^\n#]*", text))))
    usage = subprocess.run(
        [sys.executable, "transfer_learning.py", "--help"], cwd=PROJECT, capture_output=True, text=True
    )
    assert mentioned and mentioned <= set(re.findall(r"--[a-z0-9-]+", usage.stdout))
