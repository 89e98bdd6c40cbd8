"""Results are printed on standard output: whole lines in a file, and in any encoding."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINT = """
from rich.table import Table
from core.machine.terminal import messages, results
table = Table("Run", "Best")
table.add_row("[red]a :car: " + "long name " * 30, "\\N{MINUS SIGN}3.1 \\udcff")
results().print(table)
results().print("verdict " * 60)
messages.print("a warning")
"""


@pytest.mark.faults
@pytest.mark.parametrize(("encoding", "minus"), [("ascii", "\\u2212"), ("utf-8", "\N{MINUS SIGN}")])
def test_results_in_a_file_are_whole_lines_in_any_encoding(encoding, minus):
    out = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    *table, verdict = out.stdout.decode(encoding).splitlines()
    row = next(line for line in table if "long name" in line)
    assert row.count("long name") == 30 and "[red]a :car:" in row and f"{minus}3.1 \\udcff" in row
    assert verdict.count("verdict") == 60 and out.stderr.decode().split() == ["a", "warning"]
