"""How long a page may take on a busy machine before a test says that it did not come."""

from __future__ import annotations

import pytest

playwright = pytest.importorskip("playwright.sync_api")

_PATIENCE_MS = 30_000


@pytest.fixture(autouse=True, scope="session")
def patient_expectations() -> None:
    """Assertions on a page wait as long as its actions do."""
    playwright.expect.set_options(timeout=_PATIENCE_MS)
