"""Find the encoding of file names in a ZIP that does not say which one it uses, as Windows writes them.

Every encoding that can decode all names is rated by the probability of the characters that result, from the shares of
character classes in ordinary text (naive Bayes). Names are few and short, so the best one may be wrong: users choose.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ASCII = math.log(1 / 60)
_FREQUENT = frozenset("äöüßéèêàâáãåçñóôíúøÄÖÜÉ")


@dataclass(frozen=True)
class _Encoding:
    """An encoding that a ZIP may use. `prior` is the logarithm of how much more common it is than others."""

    title: str
    prior: float
    log_probability: Callable[[str, bytes], float]


_WORD = re.compile(r"[^\d\s./_()-]+")  # with \ and other signs that Japanese characters contain as a second byte


def _share(share: float, size: int) -> float:
    """Logarithm of the probability of one of `size` equally likely characters that make up a share of a text."""
    return math.log(share / size)


def _two_byte(common: range, trail: int, share: float = 0.97, kana: range = range(0)) -> Callable[[str, bytes], float]:
    """Rate characters of an East Asian encoding.

    Characters in daily use have a lead byte in `common` and a second byte of at least `trail`.
    """

    def log_probability(char: str, code: bytes) -> float:
        if len(code) == 2 and code[0] in kana:
            return _share(0.6, 170)
        in_use = len(code) == 2 and code[0] in common and code[1] >= trail
        return _share(share, 94 * len(common)) if in_use else _share(0.01, 20_000)

    return log_probability


def _latin(char: str, code: bytes) -> float:
    return _share(0.9, 40) if char in _FREQUENT else _share(0.09, 100) if char.isalpha() else _share(0.01, 128)


def _cyrillic(char: str, code: bytes) -> float:
    if not ("а" <= char.lower() <= "я" or char in "ёЁ"):
        return _share(0.01, 128)
    return _share(0.8, 33) if char.islower() else _share(0.19, 33)


_ENCODINGS = {
    "gb18030": _Encoding("Simplified Chinese (GBK)", 3, _two_byte(range(0xB0, 0xD8), 0xA1)),
    "cp932": _Encoding("Japanese (Shift JIS)", 2, _two_byte(range(0x88, 0x98), 0x40, 0.39, range(0x82, 0x84))),
    "big5hkscs": _Encoding("Traditional Chinese (Big5)", 1, _two_byte(range(0xA4, 0xC7), 0x40)),
    "cp949": _Encoding("Korean (EUC-KR)", 1, _two_byte(range(0xB0, 0xC9), 0xA1)),
    "cp866": _Encoding("Cyrillic (DOS)", 0, _cyrillic),
    "cp1251": _Encoding("Cyrillic (Windows)", 0, _cyrillic),
    "cp437": _Encoding("Western European (DOS, 437)", 0.2, _latin),
    "cp850": _Encoding("Western European (DOS, 850)", 0.1, _latin),
    "cp1252": _Encoding("Western European (Windows)", 0, _latin),
}


ENCODINGS = ("utf-8", *_ENCODINGS)
"""Encodings of file names that ZIP archives are read with."""


def encoding_title(encoding: str) -> str:
    """Name an encoding for people."""
    return _ENCODINGS[encoding].title if encoding in _ENCODINGS else encoding.upper()


def likely_encodings(names: Iterable[bytes]) -> list[str]:
    """Return the encodings that can decode all names, the most likely first; UTF-8 alone if it can.

    Text in another encoding hardly ever is valid UTF-8. Code page 437 can decode everything.
    """
    names = list(names)
    if _decodes("utf-8", names):
        return ["utf-8"]
    ratings = {codec: _rating(codec, names) for codec in _ENCODINGS if _decodes(codec, names)}
    return sorted(ratings, key=ratings.__getitem__, reverse=True)


def decode_name(name: bytes, encoding: str) -> str:
    """Decode a name; one that the encoding cannot decode as UTF-8 or else as code page 437."""
    for codec in (encoding, "utf-8"):
        try:
            return name.decode(codec)
        except UnicodeError:
            continue
    return name.decode("cp437")


def _decodes(codec: str, names: Sequence[bytes]) -> bool:
    try:
        for name in names:
            name.decode(codec)
    except UnicodeError:
        return False
    return True


def _rating(codec: str, names: Sequence[bytes]) -> float:
    """Logarithm of the probability of the words in these names, each counted once, up to a constant."""
    encoding = _ENCODINGS[codec]
    words = {word for name in names for word in _WORD.findall(name.decode(codec)) if not word.isascii()}
    return encoding.prior + sum(_rate_text(word, codec, encoding) for word in words)


def _rate_text(text: str, codec: str, encoding: _Encoding) -> float:
    total = sum(_ASCII if char.isascii() else _rate_character(char, codec, encoding) for char in text)
    mixed = sum(_script(a) + _script(b) == 1 for a, b in pairwise(text) if a.isalpha() and b.isalpha())
    return total - 5 * mixed


def _rate_character(char: str, codec: str, encoding: _Encoding) -> float:
    try:
        return encoding.log_probability(char, char.encode(codec))
    except UnicodeError:  # several characters for one code
        return _share(0.01, 20_000)


def _script(char: str) -> int:
    """1 for a Cyrillic letter; words do not mix them with Latin ones."""
    return int("Ѐ" <= char <= "ӿ")
