"""Everything a reader needs, imported once by the forkserver before it forks.

Workers inherit it and start in hundredths of a second; no other process imports this.
"""

from __future__ import annotations

import gdcm  # noqa: F401
import PIL.BmpImagePlugin
import PIL.ImageOps
import PIL.JpegImagePlugin
import PIL.PngImagePlugin  # noqa: F401
import pydicom.encaps
import pydicom.pixels.decoders.base  # noqa: F401

from qiangji_datasets.formats import (  # noqa: F401
    cell_picture,
    csv_ecg,
    dicom_ecg,
    dicom_film,
    picture,
    wfdb_ecg,
    worker,
)
