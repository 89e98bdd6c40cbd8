"""Running out of memory is recognised from the error that the backend of Keras raises."""

import keras
import pytest

from core.experiment.runs.errors import describe_exception


@pytest.mark.faults
def test_a_tensor_too_large_for_the_device_is_out_of_memory():
    with pytest.raises(Exception) as caught:
        keras.ops.ones((1 << 22, 1 << 22))
    error = describe_exception(caught.value)
    assert error.kind == "out of memory" and "smaller batch" in error.advice
