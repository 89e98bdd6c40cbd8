"""Stamp of a file: what tells, without reading it, that its content is the one that was read."""

import os
from typing import NamedTuple

CLOCK_STEP = 2.0
"""Seconds: the precision of the times of the coarsest common file system."""


class FileStamp(NamedTuple):
    """Size of a file in bytes, times of the last change of its content and of its entry on the disk in ns, and inode.

    The content's time alone is not enough: copying and unpacking programs set it, so that a file may be replaced by one
    of the same size and time. No program can set the time of the entry, which changes with each write and rename.
    Where it does not (Windows keeps the time of creation there), the other file has another inode.
    """

    size: int
    written: int
    changed: int
    inode: int

    @classmethod
    def of(cls, info: os.stat_result) -> "FileStamp":
        return cls(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)

    def is_settled(self, moment: float) -> bool:
        """Whether a file with this stamp, read at `moment` (Unix seconds) or later, has another stamp after any change.

        A file that is written, read and written again within one step of the file system's clock keeps its times. Git
        has this problem with its index; like Git, the scan trusts no stamp that is as young as the reading.
        """
        return max(self.written, self.changed) / 1e9 < moment - CLOCK_STEP
