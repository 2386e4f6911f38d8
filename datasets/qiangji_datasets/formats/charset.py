"""Text of DICOM files, decoded so that a name is right or openly not recognised.

pydicom 3.0.2 leaves the escape sequence of ISO 2022 IR 58 in the text and decodes bytes of an
undeclared Chinese set as Latin letters; both would put mojibake on a report.

References
----------
DICOM PS3.3 C.12.1.1.2 (Specific Character Set), PS3.5 6.1.2 and annexes J, K.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qiangji_datasets.records import NameStatus

_SINGLE: Final = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO_IR 100": "latin_1", "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3", "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5",
    "ISO_IR 127": "iso8859_6", "ISO_IR 126": "iso8859_7", "ISO_IR 138": "iso8859_8",
    "ISO_IR 148": "iso8859_9", "ISO_IR 203": "iso8859_15", "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "iso8859_11", "ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk",
}  # fmt: skip
_MULTI: Final = ("ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58")
_WHOLE: Final = ("utf_8", "gb18030", "gbk")
#: Terms that are not in the standard but name one set without doubt.
_NEAR_MISS: Final = {
    "GB2312": "GB18030", "GB_2312": "GB18030", "CP936": "GB18030", "GB 18030": "GB18030",
    "GB18030-2000": "GB18030", "UTF8": "ISO_IR 192", "UTF-8": "ISO_IR 192",
    "UNICODE": "ISO_IR 192", "LATIN1": "ISO_IR 100", "ISO8859-1": "ISO_IR 100",
    "ISO_8859-1": "ISO_IR 100", "ISO-8859-1": "ISO_IR 100", "ASCII": "ISO_IR 6",
}  # fmt: skip

#: Escape sequences of PS3.3 tables C.12-3 and C.12-4: half of the code table and Python codec.
_ESCAPES: Final[dict[bytes, tuple[int, str]]] = {
    b"(B": (0, "ascii"), b"(J": (0, "ascii"), b")I": (1, "shift_jis"), b"-A": (1, "latin_1"),
    b"-B": (1, "iso8859_2"), b"-C": (1, "iso8859_3"), b"-D": (1, "iso8859_4"),
    b"-L": (1, "iso8859_5"), b"-G": (1, "iso8859_6"), b"-F": (1, "iso8859_7"),
    b"-H": (1, "iso8859_8"), b"-M": (1, "iso8859_9"), b"-b": (1, "iso8859_15"),
    b"-T": (1, "iso8859_11"), b"$B": (0, "$B"), b"$(D": (0, "$(D"),
    b"$)C": (1, "euc_kr"), b"$)A": (1, "gbk"),
}  # fmt: skip
_ESCAPE: Final = re.compile(rb"\x1b(\$\([A-Z]|\$\)[A-Z]|\$[A-Z]|[()\-][A-Za-z])")
_DELIMITERS: Final = frozenset(b"\r\n\t\f^=\\")

_HAN: Final = (
    r"\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # ideographs
    r"\u00b7\u2014\u2026\u3000-\u3002\u3010\u3011\uff01-\uff5e\u2160-\u216b"  # punctuation, widths
)
_CHINESE: Final = re.compile(rf"[\x20-\x7e{_HAN}]*")
_GLUED: Final = re.compile(rf"[A-Za-z][{_HAN}]|[{_HAN}][A-Za-z]")
_UNSHOWABLE: Final = re.compile(
    r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffd\ufffe\uffff\ue000-\uf8ff\ud800-\udfff"
    r"\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_HANZI_PAIRS: Final = re.compile(rb"(?:[\x20-\x7e]|[\xb0-\xf7][\xa1-\xfe])*")


@dataclass(frozen=True)
class Decoded:
    """A text and how far it can be trusted; empty text when UNRECOGNISED."""

    text: str
    status: NameStatus


@dataclass(frozen=True)
class CharacterSet:
    """The sets a file declares, normalised.

    Parameters
    ----------
    terms
        Defined terms, first is the initial one.
    is_standard
        False when a term was misspelt or must not be combined; worth a warning.
    """

    terms: tuple[str, ...] = ("",)
    is_standard: bool = True

    @classmethod
    def declared(cls, values: Sequence[str]) -> CharacterSet:
        """Normalise the values of Specific Character Set, misspelt ones included."""
        named = [_normalise(value) for value in values] or [("", True)]
        terms = tuple(term for term, _ in named)
        is_standard = all(exact for _, exact in named)
        whole = [term for term in terms if _SINGLE.get(term) in _WHOLE]
        if whole and len(terms) > 1:  # PS3.3 C.12.1.1.2: these three stand alone
            return cls((whole[0],), is_standard=False)
        return cls(terms, is_standard)

    @property
    def _first_codec(self) -> str:
        term = self.terms[0].replace("ISO 2022 IR", "ISO_IR")
        return _SINGLE.get(term, "ascii")

    def decode(self, raw: bytes) -> Decoded:
        """Decode one value (padding not stripped); text is never mojibake.

        Parameters
        ----------
        raw
            Bytes of a whole value, PN groups included.
        """
        if not raw:
            return Decoded("", NameStatus.DECODED)
        if b"\x1b" in raw:
            return self._escaped(raw)
        if raw.isascii():
            return _checked(raw.decode("ascii"), NameStatus.DECODED)
        codec = self._first_codec
        if codec in _WHOLE:
            return _whole(raw, codec)
        if codec == "ascii":
            return self._undeclared(raw)
        return _single(raw, codec)

    def _escaped(self, raw: bytes) -> Decoded:
        if self._first_codec in _WHOLE and not any(term in _MULTI for term in self.terms):
            status = NameStatus.GUESSED  # escapes have no place in these sets
        else:
            status = NameStatus.DECODED
        try:
            return _checked(_iso2022(raw, self._first_codec), status)
        except UnicodeDecodeError:
            return Decoded("", NameStatus.UNRECOGNISED)

    def _undeclared(self, raw: bytes) -> Decoded:
        if "ISO 2022 IR 149" in self.terms and "ISO 2022 IR 58" not in self.terms:
            korean = _strict(raw, "euc_kr")
            if korean is not None:
                return _checked(korean, NameStatus.GUESSED)
        return _guess(raw)


def _normalise(value: str) -> tuple[str, bool]:
    term = value.strip()
    if term in _SINGLE or term in _MULTI or term.replace("ISO 2022 IR", "ISO_IR") in _SINGLE:
        return term, True
    upper = term.upper()
    near = _NEAR_MISS.get(upper)
    if near is None and upper in _SINGLE:
        near = upper
    if near is None:
        digits = re.fullmatch(r"ISO[ _-]?(2022)?[ _-]?IR[ _-]?(\d{1,3})", upper)
        if digits:
            form = "ISO 2022 IR " if digits[1] else "ISO_IR "
            near = form + digits[2]
    return (near, False) if near is not None else ("", False)


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _checked(text: str, status: NameStatus) -> Decoded:
    """Refuse text that cannot be shown: controls, replacement characters, private use."""
    text = text.rstrip("\x00 ")
    if _UNSHOWABLE.search(text):
        return Decoded("", NameStatus.UNRECOGNISED)
    return Decoded(text, status)


def _is_chinese(text: str | None) -> bool:
    return (
        text is not None
        and _CHINESE.fullmatch(text.rstrip("\x00 ")) is not None
        and _GLUED.search(text) is None
    )


def _is_cut_utf8(raw: bytes, fewest: int) -> bool:
    """True for UTF-8 that ends within a letter, after at least ``fewest`` Chinese ones."""
    if _strict(raw, "utf_8") is not None:
        return False
    for cut in (1, 2, 3):
        text = _strict(raw[:-cut], "utf_8")
        if text is not None and _is_chinese(text):
            return sum(not letter.isascii() for letter in text) >= fewest
    return False


def _guess(raw: bytes) -> Decoded:
    if _is_cut_utf8(raw.rstrip(b"\x00 "), fewest=1):
        return Decoded("", NameStatus.UNRECOGNISED)
    for codec in ("utf_8", "gb18030"):
        text = _strict(raw, codec)
        if text is not None and _is_chinese(text):
            return _checked(text, NameStatus.GUESSED)
    return Decoded("", NameStatus.UNRECOGNISED)


def _whole(raw: bytes, codec: str) -> Decoded:
    """UTF-8, GB18030 or GBK as declared, unless the bytes tell that it was the other one."""
    text = _strict(raw, codec)
    if codec != "utf_8":
        other = _strict(raw, "utf_8")
        if other is not None and _is_chinese(other):
            return _checked(other, NameStatus.GUESSED)
        if _is_cut_utf8(raw.rstrip(b"\x00 "), fewest=2):
            return Decoded("", NameStatus.UNRECOGNISED)
        if text is None and codec == "gbk":
            text = _strict(raw, "gb18030")
    if text is None:
        return _guess(raw)
    return _checked(text, NameStatus.DECODED)


def _single(raw: bytes, codec: str) -> Decoded:
    """A set of 256 codes accepts any bytes; Chinese bytes under its name are recognised."""
    utf8 = _strict(raw, "utf_8")
    if utf8 is not None:  # by chance, almost never for two or more such letters
        return _checked(utf8, NameStatus.GUESSED)
    if codec == "shift_jis":
        japanese = _strict(raw, codec)
        return _checked(japanese, NameStatus.DECODED) if japanese else _guess(raw)
    text = _strict(raw, codec)
    if _HANZI_PAIRS.fullmatch(raw) and _is_chinese(_strict(raw, "gb18030")):
        return _guess(raw)
    is_word = text is not None and all(
        letter.isascii() or letter.isalpha() or letter in "\u00b7\u00b4\u00a0" for letter in text
    )
    return _checked(text or "", NameStatus.DECODED) if is_word else _guess(raw)


def _iso2022(raw: bytes, initial: str) -> str:
    """Decode text with escape sequences; sets fall back to the first one at a delimiter."""
    start = ["ascii", initial]
    halves = list(start)
    parts: list[str] = []
    position = 0
    while position < len(raw):
        escape = _ESCAPE.match(raw, position)
        if escape:
            if escape[1] not in _ESCAPES:
                raise UnicodeDecodeError("iso2022", raw, position, position + 1, "unknown escape")
            half, codec = _ESCAPES[escape[1]]
            halves[half] = codec
            position = escape.end()
            continue
        end = _run_end(raw, position, halves[0])
        parts.append(_decode_run(raw[position:end], halves))
        if halves[0] == "ascii" and raw[end - 1] in _DELIMITERS:
            halves = list(start)
        position = end
    return "".join(parts)


def _run_end(raw: bytes, start: int, low: str) -> int:
    """End of bytes in one half of the code table; a delimiter is a run by itself."""
    if raw[start] == 0x1B:
        raise UnicodeDecodeError("iso2022", raw, start, start + 1, "unknown escape")
    if low == "ascii" and raw[start] in _DELIMITERS:
        return start + 1
    is_high = raw[start] >= 0x80
    end = start
    while end < len(raw) and raw[end] != 0x1B and (raw[end] >= 0x80) == is_high:
        if low == "ascii" and raw[end] in _DELIMITERS:
            break
        end += 1
    return end


def _decode_run(run: bytes, halves: list[str]) -> str:
    if run[0] >= 0x80:
        codec = halves[1] if halves[1] not in _WHOLE else "gbk"
        return run.decode(codec)
    if halves[0] in ("$B", "$(D"):
        return (b"\x1b" + halves[0].encode() + run).decode("iso2022_jp_2")
    return run.decode("ascii")
