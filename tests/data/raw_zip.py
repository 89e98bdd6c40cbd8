"""ZIP entries as Windows and old programs write them: names as bytes in an encoding that is not declared."""

import zipfile


class RawName(zipfile.ZipInfo):
    """An entry whose name is written as these bytes, without declaring an encoding."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name.hex())
        self.raw = name

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, 0
