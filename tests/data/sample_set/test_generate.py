"""The sample set: identical for equal arguments, varied between seeds and classes, written whole or not at all."""

import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.sample_set import generate
from core.data.sample_set.drawing import DRAWERS, Sketch
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image, sample_folder, write_sample

ROOT = Path(__file__).parents[3]
write_small_sample = partial(write_sample, images_per_class=2, size=32)


def digest(labels=SAMPLE_CLASSES, seed=5) -> str:
    return hashlib.sha256(b"".join(draw_image(label, seed, 48).tobytes() for label in labels)).hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_classes_are_ten_classes_of_waste():
    expected = "battery biological cardboard clothes glass metal paper plastic shoes trash"
    assert " ".join(SAMPLE_CLASSES) == expected


def test_the_same_seed_draws_the_same_pixels_in_another_process():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", "import test_generate; print(test_generate.digest())"]
    process = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == digest() == digest()


def test_another_seed_or_class_draws_another_image():
    images = [draw_image(label, seed, 48).tobytes() for label in SAMPLE_CLASSES for seed in range(3)]
    assert len(set(images)) == len(images)


@given(st.sampled_from(SAMPLE_CLASSES), st.integers(0, 2**40), st.integers(32, 90))
@settings(max_examples=40, deadline=None)
def test_any_seed_and_size_gives_an_rgb_image_of_that_size(label, seed, size):
    image = draw_image(label, seed, size)
    assert (image.mode, image.size) == ("RGB", (size, size))


@pytest.mark.parametrize("drawer", sorted({d for ds in DRAWERS.values() for d in ds}, key=lambda d: d.__name__))
def test_every_object_covers_a_fair_part_of_its_layer_and_stays_inside(drawer):
    for seed in range(4):
        sketch = Sketch(np.random.default_rng(seed), 96)
        drawer(sketch)
        alpha = np.asarray(sketch.image.getchannel("A")) > 40
        rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        assert 0.04 < alpha.mean() < 0.75
        assert rim.mean() < 0.05


def test_coarse_colours_do_not_identify_the_classes():
    images = [[draw_image(label, seed, 64) for seed in range(20)] for label in SAMPLE_CLASSES]
    coarse = np.array([[np.asarray(image.reduce(8), float).ravel() for image in row] for row in images])
    centres = coarse[:, :12].mean(1)
    nearest = ((coarse[:, 12:, None] - centres) ** 2).sum(-1).argmin(-1)
    assert (nearest == np.arange(10)[:, None]).mean() < 0.45


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bottle", 0), "Expected one of battery, .*trash; received 'bottle'; choose "),
        (("glass", 0, 31), "Expected a size of at least 32 pixels; received 31; request "),
        (("glass", -1), "Expected a seed of 0 or more; received -1; choose "),
    ],
)
def test_invalid_image_arguments_raise_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_image(*arguments)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images_per_class": 0}, "Expected at least 1 image per class; received 0; request "),
        ({"size": 8}, "Expected a size of at least 32 pixels; received 8; request "),
        ({"seed": -3}, "Expected a seed of 0 or more; received -3; choose "),
    ],
)
def test_invalid_set_arguments_leave_no_files(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        write_small_sample(tmp_path / "set", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_raises_an_error_and_is_kept(tmp_path):
    (tmp_path / "set").write_text("mine")
    with pytest.raises(ValueError, match=r"Expected a folder or an unused path; received the file .*set; choose "):
        write_small_sample(tmp_path / "set")
    assert (tmp_path / "set").read_text() == "mine"


def test_a_set_has_a_folder_of_jpegs_per_class_and_a_readme(tmp_path):
    steps = []
    folder = write_small_sample(
        tmp_path / "deep" / "set", seed=4, progress=lambda done, total: steps.append((done, total))
    )
    names = {f"{label}/{label}-{index:03d}.jpg" for label in SAMPLE_CLASSES for index in range(2)}
    assert {Path(name).as_posix() for name in contents(folder)} == names | {"README.txt"}
    for name in names:
        with Image.open(folder / name) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (32, 32))
    assert steps == [(done, 20) for done in range(1, 21)]
    readme = (folder / "README.txt").read_text(encoding="utf-8")
    assert "Drawn by the program" in readme and "not photos" in readme and "seed 4" in readme
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    first, again, other = (
        contents(write_small_sample(tmp_path / name, seed=s)) for name, s in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again
    assert all(first[name] != other[name] for name in first)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_other_users_may_read_the_set_if_the_umask_allows_it(tmp_path):
    (tmp_path / "plain").mkdir()
    assert write_small_sample(tmp_path / "set").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failure_leaves_no_files_and_the_next_call_succeeds(tmp_path):
    def fail(done, total):
        if done == 7:
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_small_sample(tmp_path / "set", progress=fail)
    assert list(tmp_path.iterdir()) == []
    assert len(contents(write_small_sample(tmp_path / "set"))) == 21


@pytest.mark.parametrize("present", [False, True], ids=["before writing", "next to a complete set"])
def test_files_of_a_killed_process_are_removed_after_a_day_and_nothing_else_is(tmp_path, present):
    if present:
        write_small_sample(tmp_path / "set")
    ages = {".set-unfinished-old": 25, ".set-unfinished-new": 23, ".set-backups": 999, ".other-unfinished-old": 999}
    for name, hours in ages.items():
        (tmp_path / name / "set" / "glass").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)
    write_small_sample(tmp_path / "set")
    remaining = {path.name for path in tmp_path.iterdir()}
    assert remaining == {*ages, "set"} - {".set-unfinished-old"}


def test_the_temporary_folder_has_the_name_that_is_removed_later(tmp_path):
    names = set()
    write_small_sample(tmp_path / "set", progress=lambda *_: names.update(path.name for path in tmp_path.iterdir()))
    assert [name.startswith(".set-unfinished-") for name in names if name != "set"] == [True]


def test_a_draft_removed_while_it_is_written_raises_an_error(tmp_path):
    def remove_draft(done, total):
        if done == 4:
            shutil.rmtree(next(tmp_path.glob(".set-*")))

    with pytest.raises(FileNotFoundError):
        write_small_sample(tmp_path / "set", progress=remove_draft)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_unchanged(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    steps = []
    assert write_small_sample(tmp_path / "set", progress=lambda *step: steps.append(step)) == tmp_path / "set"
    assert contents(tmp_path / "set") == {"mine.txt": b"mine"}
    assert steps == []


def test_the_second_of_two_writers_keeps_the_set_of_the_first(tmp_path):
    def write_first(done, total):
        if done == total:
            write_small_sample(tmp_path / "set", seed=1)

    write_small_sample(tmp_path / "set", seed=2, progress=write_first)
    assert "seed 1" in (tmp_path / "set" / "README.txt").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def write_simultaneously(folder: Path, barrier) -> None:
    write_small_sample(folder, progress=lambda done, total: done == total and barrier.wait(60))


def test_two_processes_at_the_same_time_write_one_complete_set(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)  # both have drawn all images before either moves them into place
    pair = [context.Process(target=write_simultaneously, args=(tmp_path / "set", barrier)) for _ in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join(90)
    assert [process.exitcode for process in pair] == [0, 0]
    assert contents(tmp_path / "set") == contents(write_small_sample(tmp_path / "alone"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "set"]


def test_the_built_in_set_is_drawn_once_in_the_programs_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(generate, "write_sample", write_small_sample)
    steps = []
    folder = sample_folder(progress=lambda *step: steps.append(step))
    assert folder == tmp_path / "sample" / generate.VERSION
    assert sample_folder(progress=lambda *step: steps.append(step)) == folder
    assert len(steps) == 20
