"""Rules that imports must keep; the arrows between rooms are held by import-linter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PARTS = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts)
    for path in (PROJECT / "pages" / "parts").rglob("[a-z]*.py")
]
LIGHT = {
    "core": "core",
    "all parts of pages": ", ".join(PARTS),
    "charts": "core.analysis.charts.common",
    "worker": "core.execution.queue.worker",
    "terminal": "transfer_learning",
}


@pytest.mark.parametrize("modules", LIGHT.values(), ids=LIGHT)
def test_what_the_dashboard_imports_loads_no_keras(modules):
    code = f"import sys, {modules}; sys.exit(bool({{'tensorflow', 'keras', 'torch', 'jax'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_nothing_in_core_names_streamlit():
    named = [
        path
        for path in (PROJECT / "core").rglob("*.py")
        if re.search(r"\bstreamlit\b", path.read_text(encoding="utf-8"))
    ]
    assert named == []


def test_every_name_at_the_front_door_is_there():
    code = "import core; [getattr(core, name) for name in core.__all__]"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_the_readme_names_only_settings_that_exist():
    text = (PROJECT / "README.md").read_text()
    told = set(re.findall(r"--[a-z0-9-]+", " ".join(re.findall(r"transfer_learning\.py[^\n#]*", text))))
    known = subprocess.run(
        [sys.executable, "transfer_learning.py", "--help"], cwd=PROJECT, capture_output=True, text=True
    )
    assert told and told <= set(re.findall(r"--[a-z0-9-]+", known.stdout))
