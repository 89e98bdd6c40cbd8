"""Uploads are stored as class folders or refused; a refused upload leaves no files."""

import errno
import gzip
import io
import os
import re
import stat
import struct
import tempfile
import threading
import time
import unicodedata
import zipfile
import zlib
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from painted import encoded
from PIL import Image
from raw_zip import RawName

from core.data.datasets.layout.left_out import read_left_out
from core.data.datasets.scan import scan
from core.data.uploads import unpack
from core.data.uploads.name_choices import name_choices
from core.data.uploads.unpack import UploadError, UploadLimits, slug, store_files, unpack_zip

pytestmark = pytest.mark.faults

Files = dict[str, bytes]
GOOD: Files = {"glass/1.jpg": b"one", "glass/2.jpg": b"two", "old paper/Größe é.jpg": b"three"}


def zipped(
    files: Files | Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> io.BytesIO:
    """A real ZIP in memory; a ZipInfo given as name is written unchanged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return buffer


def raw_name(name: str) -> zipfile.ZipInfo:
    """An entry whose name is not normalised by ZipInfo."""
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    return info


def zipped_raw(files: Iterable[tuple[str | bytes, bytes]]) -> io.BytesIO:
    """A real ZIP with names as they are given: text with the UTF-8 flag, bytes without."""
    return zipped([(raw_name(name) if isinstance(name, str) else RawName(name), data) for name, data in files])


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def patched(archive: io.BytesIO, signature: bytes, offset: int, form: str, value: int) -> io.BytesIO:
    """The archive with one header field of its first entry replaced."""
    data = bytearray(archive.getvalue())
    struct.pack_into(form, data, data.index(signature) + offset, value)
    return io.BytesIO(bytes(data))


def streams(files: Files | Iterable[tuple[str, bytes]]) -> list[tuple[str, BinaryIO]]:
    return [(name, io.BytesIO(data)) for name, data in (files.items() if isinstance(files, dict) else files)]


def contents(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Path]:
    """The uploads folder; after the test nothing is next to it and it contains no staging folder."""
    folder = tmp_path / "deep" / "uploads"
    yield folder
    assert [path.name for path in tmp_path.iterdir()] in ([], ["deep"])
    assert not list(folder.glob(".*"))


def assert_refused(action: Callable[[], Path], into: Path, *causes: str) -> None:
    """Assert that the action is refused with one short line that names the causes, and leaves nothing in `into`."""
    with pytest.raises(UploadError, match=r"^Expected .+; received .+; .+\.$") as caught:
        action()
    message = str(caught.value)
    assert all(cause in message for cause in causes), message
    assert len(message) < 600 and "\n" not in message
    assert not into.exists() or not list(into.iterdir())


# Uploads that are stored


def test_a_zip_is_stored_as_its_class_folders(into: Path) -> None:
    archive = zipped(GOOD)
    folder = unpack_zip(archive, "My Waste.zip", into)
    assert contents(folder) == GOOD
    assert folder.parent == into
    assert re.fullmatch(r"my-waste-[0-9a-f]{12}", folder.name)


def test_the_default_is_the_programs_uploads_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path))
    assert unpack_zip(zipped(GOOD), "a").parent == tmp_path / "uploads"
    assert store_files(streams(GOOD), "b").parent == tmp_path / "uploads"


def test_a_zip_by_path_and_by_stream_are_the_same_upload(into: Path, tmp_path: Path) -> None:
    path = into.parent / "a.zip"
    path.parent.mkdir()
    path.write_bytes(zipped(GOOD).getvalue())
    with path.open("rb") as stream:
        stream.seek(7)
        assert unpack_zip(path, "a", into) == unpack_zip(stream, "a", into)
        assert not stream.closed


def test_the_same_zip_again_is_not_unpacked_again(into: Path) -> None:
    first = unpack_zip(zipped(GOOD), "a", into)
    (first / "mine.txt").write_text("still here")
    steps: list[int] = []
    assert unpack_zip(zipped(GOOD), "a", into, progress=lambda done, _: steps.append(done)) == first
    assert (first / "mine.txt").exists() and steps == []
    assert unpack_zip(zipped({**GOOD, "glass/3.jpg": b""}), "a", into) != first


def test_two_uploads_of_the_same_zip_at_the_same_time_share_one_folder(into: Path) -> None:
    barrier, folders = threading.Barrier(2, timeout=10), []

    def upload_once() -> None:
        # Both wait while unpacking, so both have already checked for an existing folder.
        folders.append(unpack_zip(zipped(GOOD), "a", into, progress=lambda done, _: done == 1 and barrier.wait()))

    threads = [threading.Thread(target=upload_once) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(folders) == 2 and folders[0] == folders[1]
    assert list(into.iterdir()) == [folders[0]] and contents(folders[0]) == GOOD


def test_dropped_files_give_the_same_folder_in_any_order(into: Path) -> None:
    first = store_files(streams(GOOD), "waste", into)
    assert contents(first) == GOOD
    assert store_files(reversed(streams(GOOD)), "waste", into) == first
    assert store_files(streams({**GOOD, "glass/1.jpg": b"eno"}), "waste", into) != first
    assert store_files(streams({("x" + name): data for name, data in GOOD.items()}), "waste", into) != first


def test_streams_are_read_from_their_start_and_left_open(into: Path) -> None:
    files = streams(GOOD)
    first = store_files(files, "waste", into)
    assert store_files(files, "waste", into) == first
    assert not any(stream.closed for _, stream in files)


@pytest.mark.parametrize("wrapper", ["data/", "a/b/c/", "./data/"])
def test_a_folder_that_encloses_all_classes_is_removed(wrapper: str, into: Path) -> None:
    wrapped = {wrapper + name: data for name, data in {**GOOD, "README.txt": b"."}.items()}
    for folder in (unpack_zip(zipped(wrapped), "zip", into), store_files(streams(wrapped), "files", into)):
        assert contents(folder) == {**GOOD, "README.txt": b"."}


@pytest.mark.parametrize("files", [{"glass/1.jpg": b"1"}, {"glass/1.jpg": b"1", "glass/more/2.jpg": b"2"}])
def test_a_single_class_keeps_its_folder(files: Files, into: Path) -> None:
    assert contents(unpack_zip(zipped(files), "a", into)) == files
    assert contents(unpack_zip(zipped({f"data/{name}": data for name, data in files.items()}), "b", into)) == files


def test_hidden_and_system_files_are_skipped(into: Path) -> None:
    skipped = ["__MACOSX/glass/._1.jpg", ".DS_Store", "glass/.DS_Store", "glass/Thumbs.db", ".git/config", "._x.zip"]
    files = [("glass/", b""), *((name, b"x") for name in skipped), *GOOD.items(), ("empty/", b"")]
    assert contents(unpack_zip(zipped(files), "a", into)) == GOOD
    assert contents(store_files(streams(files), "b", into)) == GOOD


def test_names_are_stored_in_composed_form(into: Path) -> None:
    name = "Glas & Größe 垃圾 🗑 ①ﬁ/é.jpg"
    folder = unpack_zip(zipped({unicodedata.normalize("NFD", name): b"1", "b/1.jpg": b"2"}), "a", into)
    assert set(contents(folder)) == {unicodedata.normalize("NFC", name), "b/1.jpg"}


@pytest.mark.parametrize(
    ("sent", "stored"), [("Größe/é.jpg".encode(), "Größe/é.jpg"), ("Größe/é.jpg".encode("cp437"), "Größe/é.jpg")]
)
def test_names_without_the_utf8_flag_are_decoded_correctly(sent: bytes, stored: str, into: Path) -> None:
    placeholder = b"x" * len(sent)
    data = zipped({placeholder.decode(): b"1", "b/1.jpg": b"2"}).getvalue().replace(placeholder, sent)
    assert set(contents(unpack_zip(io.BytesIO(data), "a", into))) == {stored, "b/1.jpg"}


def test_a_name_without_the_utf8_flag_is_checked_as_it_is_stored(into: Path) -> None:
    data = zipped({"xx": b"1", "b/1.jpg": b"2"}).getvalue().replace(b"xx", "\x85".encode())
    (problem,) = read_left_out(unpack_zip(io.BytesIO(data), "a", into))
    assert problem.reason.startswith(r"'\x85' in its name")


def test_progress_counts_the_files(into: Path) -> None:
    steps: list[tuple[int, int]] = []
    unpack_zip(zipped([("glass/", b""), *GOOD.items()]), "a", into, progress=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_upload_leaves_nothing(interruption: type[BaseException], into: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        assert [path.name[:9] for path in into.iterdir()] == [".staging-"]
        raise interruption

    with pytest.raises(interruption):
        unpack_zip(zipped(GOOD), "a", into, progress=interrupt)
    assert list(into.iterdir()) == []


def test_only_stale_staging_folders_are_removed(into: Path) -> None:
    old, new = into / ".staging-old", into / ".staging-new"
    for folder in (old, new):
        (folder / "glass").mkdir(parents=True)
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    unpack_zip(zipped(GOOD), "a", into)
    assert (old.exists(), new.exists()) == (False, True)
    (new / "glass").rmdir(), new.rmdir()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Waste.ZIP", "my-waste"),
        ("../../etc", "etc"),
        ("Größe_é", "groe-e"),
        ("垃圾", "upload"),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_slug_examples(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(st.characters()))
def test_any_name_has_a_slug(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9](-?[a-z0-9])*", slug(name)) and len(slug(name)) <= 40


# Names that are refused


HOSTILE = {
    "../evil.jpg": "inside",
    "glass/../../evil.jpg": "inside",
    "glass/..": "inside",
    ".. /evil.jpg": "inside",
    "../": "inside",
    "glass//1.jpg": "inside",
    "": "inside",
    "/etc/evil.jpg": "absolute",
    "//server/share/evil.jpg": "absolute",
    "C:/evil.jpg": "absolute",
    "C:\\evil.jpg": "absolute",
    "..\\evil.jpg": "inside",
    "\\\\server\\evil.jpg": "absolute",
}
UNUSABLE = {
    "glass/C:evil.jpg": "':'",
    "glass/12:30.jpg": "':'",
    "glass/1.jpg:stream": "':'",
    "glass/1.jpg\0.txt": r"'\x00'",
    "glass/\n1.jpg": r"'\n'",
    "glass/" + "x" * 300: "longer than 255 bytes",
    "x/" * 300 + "1.jpg": "longer than 512 bytes",
    "glass/inner.ZIP": "archive inside",
    "glass/inner.tar.gz": "archive inside",
    "glass/model.keras": "model file",
    "glass/model.h5": "model file",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_left_out_and_reported(name: str, into: Path) -> None:
    files = [*GOOD.items(), (name, b"x")]
    for folder in (store_files(streams(files), "a", into), unpack_zip(zipped_raw(files), "b", into)):
        assert {path: data for path, data in contents(folder).items() if not path.startswith(".")} == GOOD
        (problem,) = read_left_out(folder)
        assert problem.location.startswith(repr(name)[1:5]) and UNUSABLE[name] in problem.reason
        assert [found.reason for found in scan(folder).problems if found.location == problem.location] == [
            problem.reason
        ]


def test_an_upload_of_unusable_files_alone_is_refused_with_the_reasons(into: Path) -> None:
    files = [(name, b"x") for name in list(UNUSABLE)[:3]]
    assert_refused(
        lambda: store_files(streams(files), "a", into), into, "12:30.jpg", "which not every system can store"
    )


def test_several_refused_names_are_named_at_once(into: Path) -> None:
    files = [("glass/0.jpg", b"0"), *((name, b"x") for name in ("../a.jpg", "/b.jpg", "c//d.jpg", "../e.jpg"))]
    assert_refused(
        lambda: store_files(streams(files), "a", into), into, "'../a.jpg'", "'/b.jpg'", "'c//d.jpg' and 1 more"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str, into: Path) -> None:
    start = repr(name)[1:5].replace("\\\\", "\\")  # single backslashes, as in the name
    files = [("glass/0.jpg", b"0"), (name, b"evil")]
    assert_refused(lambda: store_files(streams(files), "a", into), into, HOSTILE[name], start)
    assert_refused(
        lambda: unpack_zip(zipped([files[0], (raw_name(name), b"evil")]), "a", into), into, HOSTILE[name], start
    )


# Names written by Windows, macOS and in other encodings

WORDS = {
    "gb18030": ["张", "猫", "玻璃瓶", "纸张 2"],
    "cp932": ["表", "ソース", "能力", "猫"],
    "big5hkscs": ["貓", "許功蓋", "玻璃"],
    "cp949": ["고양이", "강아지", "유리병", "종이", "플라스틱"],
    "cp437": ["Größe", "café"],
    "cp850": ["ação", "Ícone"],
    "cp866": ["стекло", "кот"],
    "cp1251": ["стекло", "бумага"],
    "cp1252": ["Größe", "Käse"],
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("separator", ["/", "\\"])
def test_names_in_an_encoding_that_is_not_declared_are_detected(encoding: str, separator: str, into: Path) -> None:
    files = [(f"{word}{separator}{word}.jpg", word.encode()) for word in WORDS[encoding]]
    archive = zipped_raw([(name.encode(encoding), data) for name, data in files])
    choices = name_choices(archive, "a")
    assert encoding in [choice.encoding for choice in choices[:3]]
    assert set(WORDS[encoding]) <= {name for choice in choices if choice.encoding == encoding for name in choice.names}
    chosen = unpack_zip(archive, "a", into, encoding=encoding)
    assert contents(chosen) == {f"{word}/{word}.jpg": word.encode() for word in WORDS[encoding]}
    if encoding != "cp949":  # few syllables of Korean may be rarer Chinese characters
        assert unpack_zip(archive, "a", into) == chosen


def test_a_word_in_many_names_counts_once(into: Path) -> None:
    names = [f"{label}\\{label} {number}.jpg" for label in ("猫", "狗") for number in range(50)]
    assert name_choices(zipped_raw([(name.encode("gb18030"), b"x") for name in names]), "a")[0].encoding == "gb18030"


def test_another_encoding_is_another_upload(into: Path) -> None:
    archive = zipped_raw([("猫/1.jpg".encode("gb18030"), b"1"), ("狗/2.jpg".encode("gb18030"), b"2")])
    first, second = unpack_zip(archive, "a", into), unpack_zip(archive, "a", into, encoding="cp437")
    assert first != second and set(contents(first)) == {"猫/1.jpg", "狗/2.jpg"}
    with pytest.raises(UploadError, match=r"Expected an encoding of utf-8, .*; received 'klingon'"):
        unpack_zip(archive, "a", into, encoding="klingon")


@pytest.mark.parametrize("files", [{"glass/1.jpg": b"1"}, {"Größe/玻璃.jpg": b"1"}])
def test_names_that_leave_no_doubt_give_no_choices(files: Files) -> None:
    assert name_choices(zipped(files), "a") == []
    assert name_choices(zipped_raw([(name.encode(), data) for name, data in files.items()]), "a") == []


def test_the_unicode_name_beside_another_is_used(into: Path) -> None:
    stored = "玻璃/1.jpg".encode("gb18030")
    field = b"\x01" + struct.pack("<I", zlib.crc32(stored)) + "Glas ✓/1.jpg".encode()
    entry = RawName(stored)
    entry.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as writer:
        writer.writestr(entry, b"1")
    assert name_choices(archive, "a") == []
    assert contents(unpack_zip(archive, "a", into)) == {"Glas ✓/1.jpg": b"1"}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*WORDS, "utf-8"]),
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), min_size=1, max_size=4),
)
def test_any_name_that_an_encoding_has_is_stored(encoding: str, texts: list[str]) -> None:
    """Every name that the encoding can write is stored in composed form, or left out or refused for its characters."""
    texts = [
        text
        for text in texts
        if text.encode(encoding, "ignore").decode(encoding, "ignore") == text and text.strip(". /\\")
    ]
    names = [f"class/{number} {text.replace('/', '-').replace(chr(92), '-')}.jpg" for number, text in enumerate(texts)]
    archive = zipped_raw([(name.encode(encoding), b"x") for name in names] + [("other/1.jpg", b"y")])
    with tempfile.TemporaryDirectory() as outer:
        folder = unpack_zip(archive, "a", Path(outer), encoding=encoding)
        expected = {unicodedata.normalize("NFC", name) for name in names if ":" not in name}
        assert {name for name in contents(folder) if name.startswith("class/")} == expected
        assert len(read_left_out(folder)) == len(names) - len(expected)


def test_litter_with_any_name_refuses_nothing(into: Path) -> None:
    litter = ["glass/Icon\r", "@eaDir/glass/1.jpg", "$RECYCLE.BIN/1:2.jpg", "lost+found/a.gz", "__MACOSX/._a.zip"]
    files = [*GOOD.items(), *((name, b"x") for name in litter)]
    assert contents(unpack_zip(zipped_raw(files), "a", into)) == GOOD
    assert contents(store_files(streams(files), "b", into)) == GOOD


KINDS = {
    "a RAR archive": b"Rar!\x1a\x07\x01\0" + bytes(50),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(50),
    "tar.gz": gzip.compress(b"tar"),
    "a tar archive": bytes(257) + b"ustar\x0000" + bytes(300),
    "a web page": b"\n<!DOCTYPE html><html>",
    "a JPEG image": b"\xff\xd8\xff\xe0" + bytes(50),
    "empty": b"",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_named(kind: str, into: Path) -> None:
    assert_refused(
        lambda: unpack_zip(io.BytesIO(KINDS[kind]), "photos.zip", into), into, "a valid ZIP file", "photos.zip", kind
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("glass/1.jpg", "glass/1.jpg"),
        ("glass/1.jpg", "./glass/1.jpg"),
        ("glass/1.jpg", "glass/1.JPG"),
        ("glass/1.jpg", "Glass/2.jpg"),
        ("glass/1.jpg", "glass/1.jpg."),
        ("straße/1.jpg", "STRASSE/2.jpg"),
        (unicodedata.normalize("NFC", "é/1.jpg"), unicodedata.normalize("NFD", "é/1.jpg")),
        ("glass", "glass/1.jpg"),
        ("glass/1.jpg", "GLASS"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_equal_on_some_file_system_are_refused(first: str, second: str, into: Path) -> None:
    files = [("other/0.jpg", b"0"), (first, b"1"), (second, b"2")]
    assert_refused(lambda: unpack_zip(zipped(files), "a", into), into, "next to", repr(second))
    assert_refused(lambda: store_files(streams(files), "a", into), into, "next to", repr(second))


parts = ["..", ".", "", "a", "A", "b.jpg", "C:", "..\\..", ".. ", "\0", ".h", "x.zip", "é", "e\u0301"]
names = (
    st.text(st.characters(exclude_categories=[]) | st.sampled_from("/\\.:\0 \n"), max_size=12)
    | st.lists(st.sampled_from(parts), max_size=5).map("/".join)
    | st.just("/tmp/evil.jpg")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(names, max_size=4), st.booleans())
@example(["a/b.jpg"], True)
@example(["../../a"], True)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_name_writes_outside_the_uploads_folder(given_names: list[str], as_zip: bool) -> None:
    with tempfile.TemporaryDirectory() as outer:
        into = Path(outer) / "a" / "b" / "c" / "d" / "uploads"
        into.mkdir(parents=True)
        before = set(Path(outer).rglob("*"))
        outcome = outcome_of([("glass/0.jpg", b"0"), *((name, b"x") for name in given_names)], as_zip, into)
        new = set(Path(outer).rglob("*")) - before
        assert {path for path in new if path.parent == into} == ({outcome} if outcome else set())
        assert all(outcome in (path, *path.parents) for path in new)


def outcome_of(files: list[tuple[str, bytes]], as_zip: bool, into: Path) -> Path | None:
    """Return the folder in which the files were stored; None if they were refused."""
    try:
        if not as_zip:
            return store_files(streams(files), "a", into)
        encodable = [(raw_name(name.encode("utf-8", "replace").decode()), data) for name, data in files]
        return unpack_zip(zipped(encodable), "a", into)
    except UploadError:
        return None


# Archives that are refused


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_special_entries_are_refused(kind: int, into: Path) -> None:
    entry = with_mode("glass/link.jpg", kind | 0o777)
    assert_refused(
        lambda: unpack_zip(zipped([(entry, b"/etc/passwd")]), "a", into), into, "special entry", "glass/link.jpg"
    )
    folder = with_mode("glass/link/", stat.S_IFLNK | 0o777)
    assert_refused(lambda: unpack_zip(zipped([(folder, b"")]), "a", into), into, "special entry")


def test_plain_unix_modes_are_accepted(into: Path) -> None:
    entries = [(with_mode("glass/", stat.S_IFDIR | 0o755), b""), (with_mode("glass/1.jpg", stat.S_IFREG | 0o777), b"1")]
    folder = unpack_zip(zipped(entries), "a", into)
    assert not (folder / "glass" / "1.jpg").stat().st_mode & 0o111


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2000])
def test_encrypted_entries_are_refused(flag: int, into: Path) -> None:
    locked = patched(zipped(GOOD), b"PK\x01\x02", 8, "<H", flag)
    assert_refused(lambda: unpack_zip(locked, "a", into), into, "encrypted", "glass/1.jpg")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_methods_without_a_bound_are_refused(method: int, into: Path) -> None:
    assert_refused(lambda: unpack_zip(zipped(GOOD, method), "a", into), into, "packed with", "glass/1.jpg")


def test_a_decompression_bomb_is_refused_by_its_ratio(into: Path) -> None:
    bomb = zipped({**GOOD, "glass/bomb.jpg": bytes(20_000_000)})
    assert len(bomb.getvalue()) < 20_000_000 / 900
    limits = UploadLimits(ratio_from=10_000_000)
    assert_refused(lambda: unpack_zip(bomb, "a", into, limits), into, "200:1", "glass/bomb.jpg")


def test_a_bomb_of_many_files_is_refused_by_their_ratio_together(into: Path) -> None:
    bomb = zipped({f"glass/{number}.jpg": bytes(1_000_000) for number in range(20)})
    limits = UploadLimits(ratio_from=10_000_000)
    assert_refused(lambda: unpack_zip(bomb, "a", into, limits), into, "200:1", "20,000,000")


def test_black_images_may_have_a_high_ratio(into: Path) -> None:
    black = encoded(Image.new("RGB", (3_000, 2_000)), "BMP")
    flat = {"a/1.bmp": black, "b/1.bmp": black}
    assert len(archive := zipped(flat).getvalue()) < 2 * len(black) / 500
    assert contents(unpack_zip(io.BytesIO(archive), "a", into)) == flat


def test_a_bomb_with_a_false_packed_size_is_refused(into: Path) -> None:
    bomb = patched(zipped({"glass/bomb.jpg": bytes(20_000_000)}), b"PK\x01\x02", 20, "<I", 10_000_000)
    assert_refused(lambda: unpack_zip(bomb, "a", into), into, "runs into another entry or past the end")


def test_entries_that_share_their_data_are_refused(into: Path) -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("glass/1.jpg", b"x" * 1000)
        twin = raw_name("glass/2.jpg")
        original = archive.infolist()[0]
        twin.header_offset, twin.CRC = original.header_offset, original.CRC
        twin.file_size = twin.compress_size = 1000
        archive.filelist.append(twin)
    assert_refused(lambda: unpack_zip(buffer, "a", into), into, "runs into another entry", "glass/1.jpg")


@pytest.mark.parametrize("size", [0, 5, 500_000])
def test_a_header_with_a_false_size_is_refused(size: int, into: Path) -> None:
    archive = patched(zipped({"glass/1.jpg": b"0123456789" * 1000}), b"PK\x01\x02", 24, "<I", size)
    assert_refused(lambda: unpack_zip(archive, "a", into), into, "glass/1.jpg")


def test_ten_thousand_entries_over_the_limit_are_refused(into: Path) -> None:
    many = [(f"glass/{number}.jpg", b"") for number in range(10_000)]
    limits = UploadLimits(entries=9_999)
    assert_refused(lambda: unpack_zip(zipped(many), "a", into, limits), into, "9,999", "10,000")
    assert_refused(lambda: store_files(streams(many), "a", into, limits), into, "9,999")


def test_too_many_entries_are_refused_before_they_are_listed(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped({f"{number}/": b"" for number in range(50)})
    monkeypatch.setattr(unpack, "_CHUNK", 5)  # headers straddle every chunk
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert_refused(lambda: unpack_zip(archive, "a", into, UploadLimits(entries=49)), into, "49", "50")


def test_an_upload_at_its_limits_is_accepted(into: Path) -> None:
    limits = UploadLimits(entries=3, file_bytes=5, total_bytes=11)
    assert contents(unpack_zip(zipped(GOOD), "a", into, limits)) == GOOD
    assert contents(store_files(streams(GOOD), "b", into, limits)) == GOOD


@pytest.mark.parametrize("limits", [UploadLimits(file_bytes=4), UploadLimits(total_bytes=10)])
def test_sizes_over_the_limit_are_refused(limits: UploadLimits, into: Path) -> None:
    assert_refused(lambda: unpack_zip(zipped(GOOD), "a", into, limits), into, "at most")
    assert_refused(lambda: store_files(streams(GOOD), "a", into, limits), into, "at most", "old paper")


@pytest.mark.parametrize("limits", [UploadLimits(file_bytes=4), UploadLimits(total_bytes=10)])
def test_a_file_whose_header_gives_too_large_a_size_is_refused_before_writing(limits: UploadLimits, into: Path) -> None:
    steps: list[int] = []
    assert_refused(lambda: unpack_zip(zipped(GOOD), "a", into, limits, lambda done, _: steps.append(done)), into)
    assert steps == []


def test_an_endless_stream_is_cut_off(into: Path) -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    limits = UploadLimits(file_bytes=3_000_000)
    assert_refused(lambda: store_files([("glass/1.jpg", Endless())], "a", into, limits), into, "glass/1.jpg")  # type: ignore[list-item]


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04", b"\x89PNG" + bytes(5000)])
def test_a_file_that_is_not_a_zip_is_refused(data: bytes, into: Path) -> None:
    assert_refused(lambda: unpack_zip(io.BytesIO(data), "photo.zip", into), into, "a valid ZIP file", "photo.zip")


def test_a_missing_archive_is_refused(into: Path) -> None:
    assert_refused(lambda: unpack_zip(into / "none.zip", "none.zip", into), into, "none.zip", "No such file")


@pytest.mark.parametrize("archive", [{}, {"glass/": b""}, {".DS_Store": b"x"}])
def test_an_upload_without_files_is_refused(archive: Files, into: Path) -> None:
    assert_refused(lambda: unpack_zip(zipped(archive), "a", into), into, "no file at all")
    assert_refused(lambda: store_files(streams(archive), "a", into), into, "no file at all")


@pytest.mark.parametrize("name", ["model.keras", "MODEL.H5"])
def test_a_model_is_refused_without_being_opened(name: str, into: Path) -> None:
    class Untouchable(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("opened")

    assert_refused(lambda: unpack_zip(Untouchable(), name, into), into, "model file", name)


def test_every_truncation_is_refused(into: Path) -> None:
    whole = zipped(GOOD).getvalue()
    for length in range(len(whole)):
        assert_refused(lambda length=length: unpack_zip(io.BytesIO(whole[:length]), "a", into), into)


def test_a_flipped_bit_is_refused(into: Path) -> None:
    stored = bytearray(zipped(GOOD, zipfile.ZIP_STORED).getvalue())
    stored[stored.index(b"three")] ^= 1
    assert_refused(lambda: unpack_zip(io.BytesIO(bytes(stored)), "a", into), into, "CRC", "old paper")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_archive_is_stored_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(zipped(GOOD).getvalue())
    for position, value in changes:
        data[position % len(data)] = value
    with tempfile.TemporaryDirectory() as outer:
        into = Path(outer) / "uploads"
        try:
            folders = [unpack_zip(io.BytesIO(bytes(data)), "a", into)]
        except UploadError:
            folders = []
        assert (list(into.iterdir()) if into.exists() else []) == folders


# The disk


def test_a_disk_that_becomes_full_during_the_upload(into: Path) -> None:
    class Full(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    files = [*streams(GOOD), ("glass/9.jpg", Full())]
    assert_refused(lambda: store_files(files, "a", into), into, "disk full", "glass/9.jpg")


def test_an_upload_larger_than_the_free_space_is_refused(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda _: usage(100, 90, 10))
    assert_refused(lambda: unpack_zip(zipped(GOOD), "a", into), into, "disk full", "10 bytes free")


def test_an_uploads_folder_that_cannot_be_created(into: Path) -> None:
    into.parent.mkdir()
    into.write_text("a file is in the way")
    with pytest.raises(UploadError, match=r"Expected .*; received .+; check .*uploads folder"):
        unpack_zip(zipped(GOOD), "a", into)
