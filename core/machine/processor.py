"""The processor of this machine: what tells it from another one, and whether it computes in bfloat16."""

import os
import platform
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_BF16_FLAGS = {"amx_bf16", "avx512_bf16"}


@dataclass(frozen=True)
class Processor:
    """Model name, instruction sets as Linux names them (none elsewhere), and number of cores."""

    model: str
    flags: frozenset[str]
    cores: int

    @property
    def has_bf16(self) -> bool:
        """Whether it is known to compute products of bfloat16 numbers faster."""
        return bool(_BF16_FLAGS & self.flags)

    @property
    def identity(self) -> str:
        """The same text for machines that compute alike."""
        return f"{self.model}, {self.cores} cores, {' '.join(sorted(self.flags))}"


@cache
def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Describe the processor of this machine from Linux' description, or from Python's where there is none."""
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:
        text = ""
    first = text.strip().partition("\n\n")[0].splitlines()
    entries = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first)}
    model = entries.get("model name") or platform.processor() or platform.machine()
    flags = entries.get("flags") or entries.get("Features", "")
    return Processor(model, frozenset(flags.split()), os.cpu_count() or 1)


def computes_bf16() -> bool:
    """Whether features can be computed in bfloat16 here: the processor can, and OpenVINO is installed."""
    return this_processor().has_bf16 and find_spec("openvino") is not None
