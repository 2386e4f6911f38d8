"""A fresh process that imports the readers loads no decoder yet."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_readers_loads_no_decoder() -> None:
    code = (
        "import sys, qiangji_datasets.formats, qiangji_datasets.formats.pool;"
        "print(sorted({'pydicom','PIL','gdcm','scipy','wfdb','pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
