"""What differs between Keras' backends: GPUs, compilation, variables after an interruption, determinism."""

from functools import cache

import keras


@cache
def has_gpu() -> bool:
    """Whether Keras computes on a GPU: NVIDIA's with every backend, Apple's with torch.

    `keras.distribution.list_devices("gpu")` works with TensorFlow only: it raises on JAX without a GPU, and torch does
    not have it.
    """
    match keras.backend.backend():
        case "jax":
            import jax

            return jax.default_backend() not in ("cpu", "METAL")  # the Metal plug-in of JAX is experimental
        case "torch":
            import torch

            return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
        case _:
            return bool(keras.distribution.list_devices("gpu"))


def jit_compile() -> bool | str:
    """The value of `jit_compile` for `Model.compile`: False for TensorFlow on a CPU, which XLA makes much slower."""
    return "auto" if has_gpu() or keras.backend.backend() != "tensorflow" else False


def folding_pays() -> bool:
    """Whether a folded network trains faster (docs/performance.md): with TensorFlow on a CPU."""
    return not has_gpu() and keras.backend.backend() == "tensorflow"


def sync_variables(model: keras.Model) -> None:
    """Write the state of an interrupted `fit` to the model's variables: JAX keeps it elsewhere until an epoch ends."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def make_deterministic() -> None:
    """Let the backend use only operations that give the same result each time. JAX needs no setting for it."""
    match keras.backend.backend():  # Keras has no function for it
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
        case "torch":
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)
