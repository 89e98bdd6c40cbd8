"""The worked examples of CONTRIBUTING.md, applied to a copy of the project and run."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", TEXT, re.DOTALL | re.MULTILINE))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the files that git tracks, without the pictures."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.startswith("docs/pictures/") and (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def run(command: list[str], folder: Path, text: str | None = None) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]


def test_there_are_examples_for_every_seam():
    assert list(EXAMPLES) == [
        "Add a strategy",
        "Add a base",
        "Run on another backend",
        "Add an export format",
        "Add a page",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_applies_and_is_formatted(copy, name):
    apply(copy, name)
    run(["ruff", "format", "--check", "."], copy)
    run(["ruff", "check", "."], copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_works(copy, name):
    if name == "Run on another backend" and not (find_spec("jax") and find_spec("torch")):
        pytest.skip("needs requirements-jax.txt and requirements-torch.txt")
    apply(copy, name)
    for commands in re.findall(r"^```sh\n(.*?)^```", EXAMPLES[name], re.DOTALL | re.MULTILINE):
        run(["bash", "-e", "-c", commands], copy)


def test_every_file_of_the_tour_exists():
    tour = TEXT[TEXT.index("## Where things are") : TEXT.index("## How code is written here")]
    named = re.findall(r"`((?:core|pages|docs|tests)/[a-z_0-9./]+)`", tour)
    assert len(named) > 10 and [name for name in named if not (PROJECT / name).exists()] == []


def apply(copy: Path, name: str) -> None:
    for diff in re.findall(r"^```diff\n(.*?)^```", EXAMPLES[name], re.DOTALL | re.MULTILINE):
        run(["git", "apply", "--whitespace=nowarn", "-"], copy, diff)
