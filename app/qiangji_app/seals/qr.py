"""QR codes: drawn for a print, read back from a picture."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

#: Pixels a module; a print of 34 mm then has more than 300 dots an inch for any seal.
_SCALE: Final = 6
#: ISO/IEC 18004 asks for a quiet zone of four modules.
_QUIET: Final = 4
#: Pictures larger than this hold no QR code of ours and are not searched, pixels.
_MAX_PIXELS: Final = 24_000_000


def qr_png(text: str) -> bytes:
    """The text as a QR code, level M, as a PNG."""
    import segno

    buffer = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(
        buffer, kind="png", scale=_SCALE, border=_QUIET
    )
    return buffer.getvalue()


def qr_texts(picture: Image.Image) -> tuple[str, ...]:
    """Texts of all QR codes in a picture."""
    import zxingcpp

    if picture.width * picture.height > _MAX_PIXELS:
        return ()
    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=wanted)
    return tuple(str(code.text) for code in found)
