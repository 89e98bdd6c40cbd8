"""Running out of memory is known by what Keras' backend really raises."""

import keras
import pytest

from core.experiment.runs.errors import explain


@pytest.mark.faults
def test_a_tensor_too_large_for_the_device_is_out_of_memory():
    with pytest.raises(Exception) as caught:
        keras.ops.ones((1 << 22, 1 << 22))
    error = explain(caught.value)
    assert error.kind == "out of memory" and "smaller batch" in error.advice
