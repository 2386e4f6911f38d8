"""The SNOMED CT codes that the PhysioNet challenges of 2020 and 2021 use, by committed list.

References
----------
physionetchallenges/evaluation-2021, ``dx_mapping_scored.csv`` and ``dx_mapping_unscored.csv``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def challenge_codes() -> dict[str, str]:
    """Code to the challenge's abbreviation."""
    text = resources.files(__package__).joinpath("dx_codes.toml").read_text("utf-8")
    return {str(code): str(name) for code, name in tomllib.loads(text).items()}
