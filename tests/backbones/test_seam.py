"""Only the files of the bases and one builder name a base, its number of layers, its blocks or its pixel scaling."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
WORDS_FOR_USERS = {
    "core/analysis/results/course_ranges.py",  # the title of the course from which the ranges are
    "pages/parts/compare/compare_tabs.py",
}
NAMED = re.compile(r"mobilenet|block_1|\b154\b|127\.5", re.IGNORECASE)


def test_nothing_else_knows_a_base():
    paths = [path for folder in ("core", "pages") for path in (PROJECT / folder).rglob("*.py")]
    scripts = [PROJECT / name for name in ("dashboard.py", "predict.py", "transfer_learning.py")]
    naming = {
        path.relative_to(PROJECT).as_posix()
        for path in [*paths, *scripts]
        if "backbones" not in path.parts and NAMED.search(path.read_text(encoding="utf-8"))
    }
    assert naming == WORDS_FOR_USERS
