"""The text of a printed page in one form, whether it comes from HTML or out of a PDF."""

from __future__ import annotations

import hashlib
import unicodedata
from html.parser import HTMLParser
from typing import Final

from PIL import Image

_UNSEEN: Final = frozenset({"style", "title", "script"})
_DRAWING: Final = "svg"
#: A part of the result page with a recording.
_PART: Final = "section"
#: Soft hyphen, zero-width characters, byte order mark: layout puts them in and takes them out.
_INVISIBLE: Final = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")


def plain(text: str) -> str:
    """NFKC without blanks: what two ways of reading the same print agree on."""
    shown = unicodedata.normalize("NFKC", text)
    return "".join(char for char in shown if not char.isspace() and char not in _INVISIBLE)


def html_text(html: str) -> str:
    """What a reader of the page sees, as ``plain`` text in reading order."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return plain("".join(parser.parts))


def picture_digest(picture: Image.Image) -> str:
    """SHA-256, hex, of size and pixels (RGB), whatever file format they travelled in."""
    shown = picture.convert("RGB")
    head = f"{shown.width}x{shown.height}\n".encode("ascii")
    return hashlib.sha256(head + shown.tobytes()).hexdigest()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._drawing = 0
        self._drawn: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _UNSEEN
        self._drawing += tag == _DRAWING

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _UNSEEN
        self._drawing -= tag == _DRAWING
        if tag == _PART:
            self._add_drawn()

    def close(self) -> None:
        super().close()
        self._add_drawn()

    def _add_drawn(self) -> None:
        """A PDF holds the text of drawings behind that of the page they stand on."""
        self.parts += self._drawn
        self._drawn.clear()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            (self._drawn if self._drawing else self.parts).append(data)
