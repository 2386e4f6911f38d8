"""Any text, sealed, opens to itself and shows nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.keys import new_keys

KEYS = new_keys()


@given(st.text(st.characters(exclude_categories=())))  # lone surrogates too
def test_a_sealed_text_opens_to_itself_and_shows_nothing(text: str) -> None:
    cipher = FieldCipher(KEYS)

    sealed = cipher.seal(text, "person.sealed:p1")

    assert cipher.open(sealed, "person.sealed:p1") == text
    assert sealed != cipher.seal(text, "person.sealed:p1")
    assert len(text) < 3 or text.encode("utf-8", "surrogatepass") not in sealed
