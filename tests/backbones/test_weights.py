"""Weights come whole, from a real server here, or not at all."""

import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.backbones.weights import (
    SAMPLE_FILE,
    WeightsError,
    fetch_imagenet,
    imagenet_is_here,
    imagenet_is_reachable,
    imagenet_path,
    is_readable,
    offline_weights,
    resolve_weights,
)

pytestmark = pytest.mark.faults


def hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as weights:
        for number in range(5):
            weights.create_dataset(f"layer {number}/kernel", data=np.arange(100.0))
    return file.getvalue()


WHOLE = hdf5()


class Handler(BaseHTTPRequestHandler):
    """Answers as its server was told to."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def send(content: bytes, claimed: int | None = None, status: int = 200):
    """An answer with this content; its length may be claimed wrongly."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if claimed is None else claimed))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(content)

    return answer


def send_part_of_a_chunk(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(WHOLE) + WHOLE[:1_000])
    handler.close_connection = True


def speak_no_http(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Keras keeps weights."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras" / "models"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answer = [], send(WHOLE)
        monkeypatch.setattr("core.backbones.weights.SOURCE", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("core.backbones.weights.SOURCE", f"http://127.0.0.1:{taken.getsockname()[1]}/")
        yield  # bound but not listening: refused, and nobody else gets the port


def put(content: bytes) -> Path:
    path = imagenet_path(0.35, 96)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_weights_are_fetched_once_and_nothing_is_left_behind(server, cache):
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    for _ in range(2):
        assert resolve_weights("imagenet", 0.35, 96) == cache / name
    assert server.asked == [f"/{name}"]
    assert (cache / name).read_bytes() == WHOLE and list(cache.iterdir()) == [cache / name]
    (cache / "other").touch()
    assert (cache / name).stat().st_mode == (cache / "other").stat().st_mode, "as readable as any other file"


def test_kept_weights_need_no_network(nobody):
    path = put(WHOLE)
    assert fetch_imagenet(0.35, 96) == path
    assert imagenet_is_here(0.35, 96) and imagenet_is_reachable(0.35, 96)
    assert not imagenet_is_here(0.5, 96)


@pytest.mark.parametrize("length", [0, 4, 100, len(WHOLE) // 2, len(WHOLE) - 1])
def test_truncated_weights_in_the_cache_are_fetched_again(server, length):
    path = put(WHOLE[:length])
    assert not imagenet_is_here(0.35, 96)
    assert fetch_imagenet(0.35, 96) == path and path.read_bytes() == WHOLE


def test_truncated_weights_are_refused_where_none_can_be_fetched(nobody):
    path = put(WHOLE[:-100])
    with pytest.raises(WeightsError) as caught:
        fetch_imagenet(0.35, 96)
    told = str(caught.value)
    assert told.startswith(f"Expected ImageNet weights at {path}; the file there is damaged, and ")
    assert "Connection refused" in told and "or choose a weights file or random weights" in told and "\n" not in told
    assert not imagenet_is_reachable(0.35, 96)


ANSWERS = {
    "truncated": send(WHOLE[:-100]),
    "cut off": send(WHOLE[:-100], claimed=len(WHOLE)),
    "empty": send(b""),
    "a login page": send(b"<html>Please log in"),
    "not found": send(b"", status=404),
    "broken": send(b"", status=500),
    "part of a chunk": send_part_of_a_chunk,
    "no http": speak_no_http,
    "nothing": lambda handler: None,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("kept", [None, WHOLE[:500]], ids=["none kept", "a torn one kept"])
def test_bad_answers_are_refused_and_leave_nothing(server, cache, answer, kept):
    before = [put(kept)] if kept else []
    server.answer = answer
    with pytest.raises(WeightsError, match=r"^Expected ImageNet weights at .*random weights\.$"):
        fetch_imagenet(0.35, 96)
    assert list(cache.iterdir()) == before
    assert all(path.read_bytes() == kept for path in before)


@pytest.mark.parametrize(
    ("answer", "reachable"),
    [(send(WHOLE), True), (send(b"", status=404), False), (speak_no_http, False), (lambda handler: None, False)],
)
def test_the_source_is_asked_whether_it_is_there(server, answer, reachable):
    server.answer = answer
    assert imagenet_is_reachable(0.35, 96) is reachable
    assert len(server.asked) == 1 and not imagenet_is_here(0.35, 96)


def test_a_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"could not be fetched \(.*Not a directory"):
        fetch_imagenet(0.35, 96)


def test_random_weights_need_no_file(nobody):
    assert resolve_weights("random", 0.35, 96) is None


def test_the_sample_base_comes_along_and_needs_no_network(nobody):
    assert resolve_weights("sample", 0.35, 96) == resolve_weights("sample", 0.35, 224) == SAMPLE_FILE
    weights, why = offline_weights()
    assert weights == "sample" and why.startswith("ImageNet's weights are not on this machine") and "drawn" in why


def test_the_sample_base_has_one_width():
    with pytest.raises(WeightsError, match=r"^Expected width \(alpha\) 0.35 for the sample base; received 1.0"):
        resolve_weights("sample", 1.0, 224)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        SAMPLE_FILE.read_bytes()[:-100],
        b"x" * 100,
        SAMPLE_FILE.read_bytes()[:9_000] + b"?" + SAMPLE_FILE.read_bytes()[9_001:],
    ],
    ids=["missing", "empty", "cut short", "of another kind", "one byte changed"],
)
def test_a_missing_or_damaged_sample_base_is_one_line_that_offers_random_weights(tmp_path, monkeypatch, content):
    path = tmp_path / "sample_weights.npz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr("core.backbones.weights.SAMPLE_FILE", path)
    state = "missing" if content is None else "damaged"
    with pytest.raises(WeightsError, match=rf"^Expected the sample base.*it is {state}\..* or choose random weights"):
        resolve_weights("sample", 0.35, 96)
    weights, why = offline_weights()
    assert weights == "random" and f"it is {state}." in why and "nothing is transferred" in why and "\n" not in why


def test_weights_by_path(tmp_path):
    path = tmp_path / "my weights.h5"
    path.write_bytes(WHOLE)
    assert resolve_weights(str(path), 0.35, 96) == path
    path.write_bytes(WHOLE[:-1])
    with pytest.raises(WeightsError, match=r"received .*my weights\.h5, cut short or of another kind"):
        resolve_weights(str(path), 0.35, 96)


@pytest.mark.parametrize("weights", ["gone.h5", "/", "x" * 300, "~nobody-of-this-name/a.h5"])
def test_a_path_without_a_file(weights):
    with pytest.raises(WeightsError, match=r"Expected weights: imagenet, sample, .*; received .*where no file"):
        resolve_weights(weights, 0.35, 96)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{f"{number:03d}": np.arange(20.0) for number in range(4)})
    return file.getvalue()


@pytest.mark.parametrize("whole", [WHOLE, npz()], ids=["HDF5", "NPZ"])
def test_flipped_bits_never_raise(tmp_path, whole):
    path, readable = tmp_path / "a", set()
    for place in range(0, min(1_500, len(whole)), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        readable.add(is_readable(path))
    assert readable == {True, False}
