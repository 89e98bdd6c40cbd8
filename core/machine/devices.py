"""CPU and GPUs of this machine, found without importing TensorFlow, and the locks that reserve them."""

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import pynvml
from filelock import FileLock

from core.machine.files import is_locked

CPU = "cpu"


@dataclass(frozen=True)
class Device:
    """A CPU or GPU that one run at a time trains on.

    Args:
        id: "cpu", or "gpu-<number>".
        memory_total, memory_used: bytes.
        load: share of the device in use, 0 to 1.
        capability: a GPU's CUDA compute capability, e.g. (8, 0); None for the CPU.
    """

    id: str
    name: str
    memory_total: int
    memory_used: int
    load: float
    capability: tuple[int, int] | None = None


def training_devices() -> tuple[Device, ...]:
    """The GPUs of this machine, or its CPU if it has none."""
    return gpus() or (cpu(),)


def gpu_memory() -> int | None:
    """Memory of the first training GPU in bytes; None if training runs on the CPU."""
    device = training_devices()[0]
    return None if device.capability is None else device.memory_total


def available_memory() -> int:
    """Main memory, in bytes, that programs can still allocate."""
    return psutil.virtual_memory().available


def cpu() -> Device:
    """All cores and the main memory as one device."""
    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Device(
        CPU, f"{_cpu_name()}, {cores} cores", memory.total, memory.total - memory.available, psutil.cpu_percent() / 100
    )


def gpus() -> tuple[Device, ...]:
    """NVIDIA GPUs, found through NVML; empty if there is no driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return tuple(_gpu(number) for number in range(pynvml.nvmlDeviceGetCount()) if _is_allowed(number))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _gpu(number: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    capability = tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    name = pynvml.nvmlDeviceGetName(handle)
    return Device(f"gpu-{number}", name, memory.total, memory.used, _load(handle), capability)


def _load(handle: object) -> float:
    try:
        percent: int = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
    except pynvml.NVMLError:
        return 0.0  # a virtual GPU or a GPU partition does not report its load
    return percent / 100


def _is_allowed(number: int) -> bool:
    """Whether the user's CUDA_VISIBLE_DEVICES, if set, lists this GPU by number or UUID."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return True
    uuid = pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(number))
    return bool({str(number), uuid} & {part.strip() for part in visible.split(",")})


def device_name(device_id: str) -> str:
    """The device's model name; its id if the device is no longer present."""
    return next((device.name for device in training_devices() if device.id == device_id), device_id)


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "CPU"


def device_environment(device_id: str) -> dict[str, str]:
    """Environment variables that make only this device visible to a worker."""
    visible = device_id.removeprefix("gpu-") if device_id != CPU else "-1"
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": visible}


def fastest_dtype_policy(device_id: str) -> str:
    """The Keras dtype policy that is fastest on this device: 16 bits from compute capability 7.0 on."""
    capability = next((gpu.capability for gpu in gpus() if gpu.id == device_id), None) or (0, 0)
    return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16" if capability >= (7, 0) else "float32"


class DeviceLocks:
    """One file lock per device, shared by all processes, so that dashboard and terminal never train on it together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def lock(self, device_id: str) -> FileLock:
        """The lock that a worker holds while it trains on this device."""
        return FileLock(self._folder / f"{device_id}.lock")

    def is_free(self, device_id: str) -> bool:
        """Whether no worker trains on this device now."""
        return not is_locked(self.lock(device_id))
