"""Text for people and tables as CSV."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.text import to_csv

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    lambda text: not text.startswith(("=", "+", "-", "@"))
)


@pytest.mark.faults
@given(st.lists(st.fixed_dictionaries({"File": cells, "Class": cells}), min_size=1, max_size=5))
def test_a_table_survives_csv_whatever_line_ends_its_names_contain(rows):
    assert list(csv.DictReader(io.StringIO(to_csv(rows), newline=""))) == rows


def test_lines_end_with_a_line_feed_and_formulas_are_inert():
    assert to_csv([{"a": "x,y", "b": 1.5}, {"a": "=1+1", "c": 2}]) == 'a,b\n"x,y",1.5\n\'=1+1,\n'
    assert to_csv([]) == ""
