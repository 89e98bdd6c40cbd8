"""The description of the processor tells machines apart and says whether bfloat16 is fast."""

import pytest

from core.machine.processor import Processor, this_processor

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) 6
flags\t\t: fpu sse avx512f {more}

processor\t: 1
model name\t: another
flags\t\t: fpu
"""


@pytest.mark.parametrize(
    ("more", "has_bf16"), [("", False), ("amx_bf16", True), ("avx512_bf16", True), ("avx512_vnni", False)]
)
def test_a_processor_computes_in_bfloat16_if_linux_says_so(tmp_path, more, has_bf16):
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(more=more))
    processor = this_processor(tmp_path / "cpuinfo")
    assert processor.has_bf16 == has_bf16
    assert processor.identity.startswith("Intel(R) Xeon(R) 6, ") and "avx512f" in processor.identity


def test_where_linux_says_nothing_bfloat16_is_unknown(tmp_path):
    processor = this_processor(tmp_path / "missing")
    assert not processor.has_bf16 and processor.cores >= 1


def test_other_instruction_sets_or_cores_are_another_processor():
    flags = frozenset({"fpu", "sse"})
    processors = [Processor("a", flags, 2), Processor("a", flags, 4), Processor("a", frozenset({"fpu"}), 2)]
    assert len({processor.identity for processor in processors}) == 3
