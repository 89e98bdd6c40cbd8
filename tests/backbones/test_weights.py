"""Pretrained weights are complete or refused; they are downloaded from a real local server."""

import io
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.backbones.imagenet_weights import fetch_imagenet, imagenet_is_available, imagenet_is_cached, imagenet_path
from core.backbones.registry import DEFAULT_BASE
from core.backbones.weights import offline_weights, resolve_weights
from core.backbones.weights_file import WeightsError, is_readable, owner

pytestmark = pytest.mark.faults


def hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as weights:
        for number in range(5):
            weights.create_dataset(f"layer {number}/kernel", data=np.arange(100.0))
    return file.getvalue()


COMPLETE = hdf5()


class Handler(BaseHTTPRequestHandler):
    """Sends the response that its server was given."""

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        self.server.respond(self)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def send(content: bytes, content_length: int | None = None, status: int = 200) -> Callable[[Handler], None]:
    """A response with this content, and optionally a wrong Content-Length."""

    def respond(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if content_length is None else content_length))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(content)

    return respond


def send_part_of_a_chunk(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(COMPLETE) + COMPLETE[:1_000])
    handler.close_connection = True


def send_smtp_greeting(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' cache of weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras" / "models"


def set_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    file = DEFAULT_BASE.weights_url.rpartition("/")[2]
    monkeypatch.setitem(vars(DEFAULT_BASE), "weights_url", address + file)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requested, server.respond = [], send(COMPLETE)
        set_address(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A download address that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        set_address(monkeypatch, f"http://127.0.0.1:{bound.getsockname()[1]}/")
        yield  # bound but not listening, so that no other process gets the port


def put_in_cache(content: bytes) -> Path:
    path = imagenet_path(DEFAULT_BASE, 0.35, 96)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_weights_are_downloaded_once_and_no_other_file_is_left(server, cache):
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    for _ in range(2):
        assert resolve_weights(DEFAULT_BASE, "imagenet", 0.35, 96) == cache / name
    assert server.requested == [f"/{name}"]
    assert (cache / name).read_bytes() == COMPLETE and list(cache.iterdir()) == [cache / name]
    (cache / "other").touch()
    assert (cache / name).stat().st_mode == (cache / "other").stat().st_mode, "as readable as any other file"


def test_cached_weights_need_no_network(no_server):
    path = put_in_cache(COMPLETE)
    assert fetch_imagenet(DEFAULT_BASE, 0.35, 96) == path
    assert imagenet_is_cached(DEFAULT_BASE, 0.35, 96) and imagenet_is_available(DEFAULT_BASE, 0.35, 96)
    assert not imagenet_is_cached(DEFAULT_BASE, 0.5, 96)


@pytest.mark.parametrize("length", [0, 4, 100, len(COMPLETE) // 2, len(COMPLETE) - 1])
def test_truncated_weights_in_the_cache_are_downloaded_again(server, length):
    path = put_in_cache(COMPLETE[:length])
    assert not imagenet_is_cached(DEFAULT_BASE, 0.35, 96)
    assert fetch_imagenet(DEFAULT_BASE, 0.35, 96) == path and path.read_bytes() == COMPLETE


def test_truncated_weights_are_refused_without_network(no_server):
    path = put_in_cache(COMPLETE[:-100])
    with pytest.raises(WeightsError) as caught:
        fetch_imagenet(DEFAULT_BASE, 0.35, 96)
    message = str(caught.value)
    assert message.startswith(f"Expected ImageNet weights at {path}; that file is damaged, and ")
    assert "Connection refused" in message and "or choose a weights file or random weights" in message
    assert "\n" not in message
    assert not imagenet_is_available(DEFAULT_BASE, 0.35, 96)


BAD_RESPONSES = {
    "truncated": send(COMPLETE[:-100]),
    "connection lost": send(COMPLETE[:-100], content_length=len(COMPLETE)),
    "empty": send(b""),
    "a login page": send(b"<html>Please log in"),
    "not found": send(b"", status=404),
    "server error": send(b"", status=500),
    "part of a chunk": send_part_of_a_chunk,
    "not HTTP": send_smtp_greeting,
    "no response": lambda handler: None,
}


@pytest.mark.parametrize("response", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
@pytest.mark.parametrize("cached", [None, COMPLETE[:500]], ids=["empty cache", "truncated file in cache"])
def test_bad_responses_are_refused_and_leave_no_file(server, cache, response, cached):
    before = [put_in_cache(cached)] if cached else []
    server.respond = response
    with pytest.raises(WeightsError, match=r"^Expected ImageNet weights at .*random weights\.$"):
        fetch_imagenet(DEFAULT_BASE, 0.35, 96)
    assert list(cache.iterdir()) == before
    assert all(path.read_bytes() == cached for path in before)


@pytest.mark.parametrize(
    ("response", "available"),
    [
        (send(COMPLETE), True),
        (send(b"", status=404), False),
        (send_smtp_greeting, False),
        (lambda handler: None, False),
    ],
)
def test_weights_that_can_be_downloaded_are_available(server, response, available):
    server.respond = response
    assert imagenet_is_available(DEFAULT_BASE, 0.35, 96) is available
    assert len(server.requested) == 1 and not imagenet_is_cached(DEFAULT_BASE, 0.35, 96)


def test_a_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"could not be downloaded \(.*Not a directory"):
        fetch_imagenet(DEFAULT_BASE, 0.35, 96)


def test_random_weights_need_no_file(no_server):
    assert resolve_weights(DEFAULT_BASE, "random", 0.35, 96) is None


def test_the_sample_base_needs_no_network(no_server):
    assert all(resolve_weights(DEFAULT_BASE, "sample", 0.35, size) == DEFAULT_BASE.sample.file for size in (96, 224))
    weights, notice = offline_weights(DEFAULT_BASE)
    assert weights == "sample" and notice.startswith("The ImageNet weights are not on this machine")
    assert "drawn" in notice


def test_the_sample_base_has_one_width():
    with pytest.raises(WeightsError, match=r"^Expected width \(alpha\) 0.35 for the sample base; received 1.0"):
        resolve_weights(DEFAULT_BASE, "sample", 1.0, 224)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        DEFAULT_BASE.sample.file.read_bytes()[:-100],
        b"x" * 100,
        DEFAULT_BASE.sample.file.read_bytes()[:9_000] + b"?" + DEFAULT_BASE.sample.file.read_bytes()[9_001:],
    ],
    ids=["missing", "empty", "truncated", "other format", "one byte changed"],
)
def test_the_error_for_a_missing_or_damaged_sample_base_offers_random_weights(tmp_path, monkeypatch, content):
    path = tmp_path / "sample_weights.npz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setitem(vars(DEFAULT_BASE.sample), "file", path)
    state = "missing" if content is None else "damaged"
    with pytest.raises(WeightsError, match=rf"^Expected the sample base.*it is {state}\..* or choose random weights"):
        resolve_weights(DEFAULT_BASE, "sample", 0.35, 96)
    weights, notice = offline_weights(DEFAULT_BASE)
    assert weights == "random" and f"it is {state}." in notice and "nothing is transferred" in notice
    assert "\n" not in notice


def test_a_file_of_another_width_is_refused_with_both(no_server):
    file = str(DEFAULT_BASE.sample.file)
    assert resolve_weights(DEFAULT_BASE, file, 0.35, 96) == DEFAULT_BASE.sample.file
    with pytest.raises(WeightsError, match=r"MobileNetV2 at alpha 1.0; received .*, the weights of .* at alpha 0.35\."):
        resolve_weights(DEFAULT_BASE, file, 1.0, 96)


def test_a_whole_model_in_a_zip_file_has_no_owner(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
    assert owner(tmp_path / "model.keras") is None


def test_weights_from_a_file_of_the_user(tmp_path):
    path = tmp_path / "my weights.h5"
    path.write_bytes(COMPLETE)
    assert resolve_weights(DEFAULT_BASE, str(path), 0.35, 96) == path
    path.write_bytes(COMPLETE[:-1])
    with pytest.raises(WeightsError, match=r"received .*my weights\.h5, which is truncated or of another format"):
        resolve_weights(DEFAULT_BASE, str(path), 0.35, 96)


@pytest.mark.parametrize("weights", ["gone.h5", "/", "x" * 300, "~nobody-of-this-name/a.h5"])
def test_a_path_without_a_file(weights):
    with pytest.raises(WeightsError, match=r"Expected weights to be imagenet, sample, .*; received .*which is no file"):
        resolve_weights(DEFAULT_BASE, weights, 0.35, 96)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{f"{number:03d}": np.arange(20.0) for number in range(4)})
    return file.getvalue()


@pytest.mark.parametrize("content", [COMPLETE, npz()], ids=["HDF5", "NPZ"])
def test_flipped_bits_never_raise(tmp_path, content):
    path, readable = tmp_path / "a", set()
    for offset in range(0, min(1_500, len(content)), 3):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 0x41]) + content[offset + 1 :])
        readable.add(is_readable(path))
    assert readable == {True, False}
