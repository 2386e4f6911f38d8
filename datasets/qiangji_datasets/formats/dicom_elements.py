"""The structure of a DICOM data set, walked without recursion and with every length checked.

pydicom follows nested sequences recursively and shortens a value that runs past the end of the
file without a word; both matter for files from strangers. Values stay raw bytes here.

References
----------
DICOM PS3.5 sections 7.1 (elements), 7.5 (sequences), A.4 (encapsulated pixel data).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_tags import SEQUENCES, Tag
from qiangji_datasets.formats.limits import Limits

UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)
#: Binary content that is no fault when it comes without a defined length.
_FRAGMENTED: Final = frozenset((b"OB", b"OW"))


@dataclass(frozen=True)
class Syntax:
    """How elements are written."""

    is_implicit: bool
    is_big_endian: bool


IMPLICIT_LITTLE: Final = Syntax(is_implicit=True, is_big_endian=False)
EXPLICIT_LITTLE: Final = Syntax(is_implicit=False, is_big_endian=False)
EXPLICIT_BIG: Final = Syntax(is_implicit=False, is_big_endian=True)


@dataclass(slots=True)
class Element:
    """One data element: VR (empty when implicit), value bytes, or items, or fragments."""

    tag: int
    vr: str
    value: memoryview
    is_big_endian: bool
    items: list[Elements] | None = None
    fragments: list[memoryview] | None = None


Elements = dict[int, Element]


@dataclass(slots=True)
class _Frame:
    """An open data set (``elements``) or an open sequence (``items``)."""

    end: int
    is_undefined: bool
    syntax: Syntax
    elements: Elements | None = None
    items: list[Elements] | None = None


@dataclass
class Walk:
    """Result of a walk: the top-level elements, where it ended, what was out of order."""

    elements: Elements
    end: int
    longest_text: int = 0
    trailing_bytes: int = 0


_NEVER_FORGIVEN: Final = ("dicom.too_deep", "dicom.too_many_elements", "dicom.element_twice")

#: Longest text that is no cause for a remark, bytes: PS3.5 table 6.2-1 with four bytes a
#: character for LT and ST; for all other text, and text under VR UN, what 16 bits can count.
_TEXT_LIMITS: Final = {"ST": 4096, "LT": 40960}
_TEXT_LIMIT: Final = 65534
_TEXT_VRS: Final = frozenset(("LO", "SH", "PN", "UC", "UT", "UR", "UN", "CS", "AE", "DS", "IS"))
#: Groups from here on hold curves, overlays and pixels.
_BULK_GROUPS: Final = 0x5000


@dataclass
class _Walker:
    buffer: memoryview
    limits: Limits
    stack: list[_Frame] = field(default_factory=list)
    position: int = 0
    count: int = 0
    longest_text: int = 0
    stop_group: int | None = None

    def run(self, syntax: Syntax) -> Walk:
        top: Elements = {}
        self.stack = [_Frame(len(self.buffer), False, syntax, elements=top)]
        known: set[int] | None = None
        trailing = 0
        start = self.position
        while self.stack:
            if len(self.stack) == 1 and (Tag.PixelData in top or Tag.WaveformSequence in top):
                known, start = set(top), self.position
            try:
                if not self._step():
                    break
            except InputRejected as fault:
                if known is None or fault.code in _NEVER_FORGIVEN:
                    raise
                # Behind the content there is often padding; it is named, not obeyed.
                trailing = len(self.buffer) - start
                for tag in set(top) - known:
                    del top[tag]
                break
        return Walk(top, self.position, self.longest_text, trailing)

    def _step(self) -> bool:
        frame = self.stack[-1]
        if self.position >= frame.end and not frame.is_undefined:
            self.stack.pop()
            return True
        if frame.items is not None:
            self._next_item(frame)
            return True
        return self._next_element(frame)

    def _spend(self) -> None:
        self.count += 1
        if self.count > self.limits.elements:
            raise InputRejected("dicom.too_many_elements", limit=self.limits.elements)

    def _take(self, size: int, end: int) -> memoryview:
        if self.position + size > end:
            raise InputRejected(
                "dicom.cut_off", position=self.position, needed=size, present=end - self.position
            )
        taken = self.buffer[self.position : self.position + size]
        self.position += size
        return taken

    def _tag(self, frame: _Frame) -> int:
        order = ">HH" if frame.syntax.is_big_endian else "<HH"
        group, element = struct.unpack(order, self._take(4, frame.end))
        return int(group << 16 | element)

    def _length(self, frame: _Frame, size: int) -> int:
        taken = self._take(size, frame.end)
        return int.from_bytes(taken, "big" if frame.syntax.is_big_endian else "little")

    def _next_item(self, frame: _Frame) -> None:
        self._spend()
        start = self.position
        tag = self._tag(frame)
        length = self._length(frame, 4)
        if tag == _SEQUENCE_END:
            self.stack.pop()
            if not frame.is_undefined:
                self.position = frame.end
            return
        if tag != _ITEM:
            raise InputRejected("dicom.sequence_damaged", position=start)
        items = frame.items if frame.items is not None else []
        elements: Elements = {}
        items.append(elements)
        self._push(frame, length, frame.syntax, elements=elements)

    def _push(
        self,
        parent: _Frame,
        length: int,
        syntax: Syntax,
        *,
        elements: Elements | None = None,
        items: list[Elements] | None = None,
    ) -> None:
        if len(self.stack) > 2 * self.limits.depth:
            raise InputRejected("dicom.too_deep", limit=self.limits.depth)
        is_undefined = length == UNDEFINED
        end = parent.end if is_undefined else self.position + length
        if end > parent.end:
            raise InputRejected(
                "dicom.cut_off",
                position=self.position,
                needed=length,
                present=parent.end - self.position,
            )
        self.stack.append(_Frame(end, is_undefined, syntax, elements=elements, items=items))

    def _next_element(self, frame: _Frame) -> bool:
        """Read one element; False when the group to stop before is reached."""
        self._spend()
        start = self.position
        tag = self._tag(frame)
        if self.stop_group is not None and tag >> 16 != self.stop_group:
            self.position = start
            return False
        if tag == _ITEM_END:
            self._length(frame, 4)
            if len(self.stack) == 1:
                raise InputRejected("dicom.sequence_damaged", position=start)
            self.stack.pop()
            return True
        vr, length = self._header(frame, tag)
        self._value(frame, tag, vr, length)
        return True

    def _header(self, frame: _Frame, tag: int) -> tuple[bytes, int]:
        if frame.syntax.is_implicit or tag >> 16 == 0xFFFE:
            return b"", self._length(frame, 4)
        vr = bytes(self._take(2, frame.end))
        if vr in _LONG_VRS:
            self._take(2, frame.end)
            return vr, self._length(frame, 4)
        if vr not in _SHORT_VRS:
            raise InputRejected("dicom.vr_unknown", position=self.position - 6)
        return vr, self._length(frame, 2)

    def _value(self, frame: _Frame, tag: int, vr: bytes, length: int) -> None:
        elements = frame.elements if frame.elements is not None else {}
        element = Element(tag, vr.decode(), memoryview(b""), frame.syntax.is_big_endian)
        if length == UNDEFINED and (tag == Tag.PixelData or vr in _FRAGMENTED):
            element.fragments = self._fragments(frame)
        elif length == UNDEFINED or vr == b"SQ" or (not vr and tag in SEQUENCES):
            element.items = []
            # An undefined-length UN holds implicit VR little endian (PS3.5 6.2.2 note 2).
            inner = IMPLICIT_LITTLE if vr == b"UN" else frame.syntax
            self._push(frame, length, inner, items=element.items)
        else:
            element.value = self._take(length, frame.end)
            self._note_long_text(element)
        self._keep(elements, element)

    def _note_long_text(self, element: Element) -> None:
        group, length = element.tag >> 16, len(element.value)
        if group % 2 or group >= _BULK_GROUPS or element.tag == Tag.LUTData:
            return
        is_other = element.vr in _TEXT_VRS and length > _TEXT_LIMIT
        if is_other or length > _TEXT_LIMITS.get(element.vr, length):
            self.longest_text = max(self.longest_text, length)

    def _keep(self, elements: Elements, element: Element) -> None:
        earlier = elements.get(element.tag)
        if earlier is not None and (
            element.items is not None
            or element.fragments is not None
            or earlier.value != element.value
        ):
            raise InputRejected("dicom.element_twice", tag=f"{element.tag:08X}")
        elements[element.tag] = element

    def _fragments(self, frame: _Frame) -> list[memoryview]:
        found: list[memoryview] = []
        while True:
            self._spend()
            start = self.position
            tag = self._tag(frame)
            length = self._length(frame, 4)
            if tag == _SEQUENCE_END:
                return found
            if tag != _ITEM or length == UNDEFINED:
                raise InputRejected("dicom.sequence_damaged", position=start)
            found.append(self._take(length, frame.end))


def walk(
    buffer: memoryview, syntax: Syntax, limits: Limits, *, start: int = 0, group: int | None = None
) -> Walk:
    """Read all elements from ``start``, or only those of one group.

    Raises
    ------
    InputRejected
        A length runs past its container, the nesting is too deep, an element comes twice with
        different values, or the structure is damaged.
    """
    return _Walker(buffer, limits, position=start, stop_group=group).run(syntax)
