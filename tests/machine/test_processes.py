"""Processes that compute with Keras get an environment in which the user's own values stay."""

from core.machine.devices import CPU
from core.machine.processes import keras_environment


def test_onednn_is_used_unless_the_user_decides(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert keras_environment(CPU)["TF_ENABLE_ONEDNN_OPTS"] == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert keras_environment(CPU)["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_only_the_device_of_a_worker_is_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert keras_environment("gpu-1")["CUDA_VISIBLE_DEVICES"] == "1"
    assert keras_environment(CPU)["CUDA_VISIBLE_DEVICES"] == "-1"
