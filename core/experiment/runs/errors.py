"""Messages for runs that end early: what happened and what to do."""

from core.experiment.runs.run import RunError
from core.machine.files import is_disk_full

_INPUT_ADVICE = (
    "Restore or correct the named file, then resume the run (--resume in a terminal). Or start a new run with other "
    "settings, or with the files as they are."
)


class Diverged(ArithmeticError):
    """The loss is infinite or not a number."""

    def __init__(self, step: int, learning_rate: float) -> None:
        super().__init__(f"The loss became infinite or NaN at step {step:,}, at a learning rate of {learning_rate:g}.")
        self.learning_rate = learning_rate


class HeadTrained(Exception):
    """A run that trained beside another has trained its head, and its phases that open layers are left."""


def describe_exception(error: BaseException) -> RunError:
    """The message to show for an exception that ended a run."""
    if is_disk_full(error):
        return RunError(
            "disk full",
            "The disk is full: training could not write its results.",
            "Free some space, then resume: the last checkpoint is intact.",
        )
    if is_out_of_memory(error):
        return RunError(
            "out of memory",
            "The memory of the device was not enough for this run.",
            "Choose a smaller batch or a smaller image size.",
        )
    if isinstance(error, Diverged):
        return RunError("diverged", str(error), f"Try a learning rate of {error.learning_rate / 10:g} or lower.")
    if isinstance(error, ValueError):
        return RunError("input", first_line(error), _INPUT_ADVICE)
    return RunError(type(error).__name__, first_line(error), "The run's log has the details.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or GPU memory ran out, for errors of Python, Keras' backends and CUDA."""
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}) or (
        "RESOURCE_EXHAUSTED" in str(error)
    )


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters; its type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def describe_exit(exit_code: int | None, log_tail: str) -> RunError:
    """The message to show for a worker that ended without reporting an error. None = unknown exit code."""
    output = log_tail.strip()[-1_500:]
    if exit_code is not None and exit_code < 0:
        advice = "Resume it; if it happens again, choose a smaller batch: the system may have been short of memory."
        return RunError(f"killed by signal {-exit_code}", f"The worker was killed by signal {-exit_code}.", advice)
    event = "ended unexpectedly" if exit_code is None else f"ended with exit code {exit_code}"
    return RunError(
        "crashed",
        f"The worker {event}. {'Its last output: ' + output if output else ''}".strip(),
        "Resume it, or read its log.",
    )
