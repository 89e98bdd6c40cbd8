"""Say what a file that is no ZIP archive is, by its first bytes."""

from typing import BinaryIO

from core.data.datasets.images.file_check import is_markup
from core.data.uploads.limits import quoted, upload_error

_REPACK = "unpack it and create a ZIP of the folder"
_FIRST_BYTES = (
    (0, b"Rar!\x1a\x07", "a RAR archive", _REPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _REPACK),
    (0, b"\x1f\x8b", "a gzip archive, such as tar.gz", _REPACK),
    (257, b"ustar", "a tar archive", _REPACK),
    (0, b"BZh", "a bzip2 archive, such as tar.bz2", _REPACK),
    (0, b"\xfd7zXZ\0", "an xz archive, such as tar.xz", _REPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _REPACK),
    (0, b"\x89HDF\r\n\x1a\n", "a model or data file (HDF5)", "upload images, not models"),
    (0, b"\xff\xd8\xff", "a JPEG image", "create a ZIP of the class folders"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", "create a ZIP of the class folders"),
    (0, b"%PDF", "a PDF", "create a ZIP of the class folders"),
)


def expect_zip(stream: BinaryIO, name: str) -> None:
    """Raise UploadError if the stream begins like a file of another kind; any other file is left to ZipFile."""
    stream.seek(0)
    start = stream.read(512)
    stream.seek(0)
    for offset, signature, kind, advice in _FIRST_BYTES:
        if start[offset:].startswith(signature):
            raise upload_error("a valid ZIP file", f"{quoted(name)}, which is {kind}", advice)
    if not start:
        raise upload_error("a valid ZIP file", f"{quoted(name)}, which is empty", "create or download it again")
    if is_markup(start):
        received = f"{quoted(name)}, which is a web page (HTML): perhaps a login or an error"
        raise upload_error("a valid ZIP file", received, "download the archive again")
