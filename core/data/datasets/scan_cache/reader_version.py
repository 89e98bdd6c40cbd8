"""Version of everything that determines what reading a file finds. It changes with the code and with the libraries."""

import hashlib
import inspect
import sys

from core.data.datasets import near_duplicates
from core.data.datasets.images import decode, file_check
from core.data.datasets.scan_cache import file_content, file_stamp

_MODULES = (decode, file_check, near_duplicates, file_content, file_stamp)
_LIBRARIES = ("numpy", "PIL", "cv2", "simplejpeg", "pillow_heif")


def _version() -> str:
    """SHA-256 of the source of the modules that read files, and of the versions of the libraries that decode.

    So nobody has to remember to raise a number, and a library that decodes otherwise makes every file be read again.
    """
    digest = hashlib.sha256()
    for module in _MODULES:
        digest.update(inspect.getsource(module).encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {getattr(sys.modules.get(name), '__version__', None)}".encode())
    return digest.hexdigest()


READER_VERSION = _version()  # at once: the source may be updated while this process goes on with the earlier code
