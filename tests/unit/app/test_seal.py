"""The seal: one written form, read strictly, signed and checked by scheme."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from qiangji_app.bootstrap import catalogue
from qiangji_app.domain.canonical import canonical_json
from qiangji_app.domain.seal import MAX_TEXT, Seal, read_seal
from qiangji_app.seals import schemes
from qiangji_app.seals.checks import Check, Outcome
from qiangji_app.seals.keys import Issuer, PublicKey, read_public_keys, trust, trusted
from qiangji_app.seals.qr import qr_png, qr_texts
from qiangji_app.services.uploading import MAX_RECORDINGS_PER_CASE
from qiangji_app.storage.keys import Keys, new_keys
from qiangji_datasets.errors import InputRejected, NotFound

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def seal(issuer: Issuer, *, images: tuple[str, ...] = ("11" * 32,)) -> Seal:
    return issuer.sign(
        Seal(
            algorithm=issuer.algorithm,
            key_id=issuer.key_id,
            report_id="0190c2f0-0000-7000-8000-000000000001",
            version=1,
            signed_at=AT,
            content_sha256="22" * 32,
            page_sha256="33" * 32,
            images=images,
        )
    )


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(new_keys())


def test_a_seal_survives_its_qr_code(issuer: Issuer) -> None:
    import io

    from PIL import Image

    made = seal(issuer)

    with Image.open(io.BytesIO(qr_png(made.text()))) as picture:
        found = qr_texts(picture)

    assert read_seal(found[0]) == made
    assert issuer.public().made(read_seal(found[0]))


def test_a_seal_over_as_many_recordings_as_a_case_may_have_fits_a_qr_code(issuer: Issuer) -> None:
    images = tuple(f"{number:064x}" for number in range(MAX_RECORDINGS_PER_CASE))

    made = seal(issuer, images=images)

    assert len(made.text()) <= MAX_TEXT
    assert qr_png(made.text())


@pytest.mark.parametrize(
    "change",
    [
        {"report_id": "another"},
        {"version": 2},
        {"signed_at": AT.replace(hour=2)},
        {"content_sha256": "44" * 32},
        {"page_sha256": "44" * 32},
        {"images": ()},
        {"signature": b"\0" * 64},
        {"algorithm": "ES256"},
        {"key_id": "0" * 16},
    ],
)
def test_a_seal_changed_in_any_part_is_not_the_issuers(
    issuer: Issuer, change: dict[str, object]
) -> None:
    changed = replace(seal(issuer), **change)  # type: ignore[arg-type]

    assert not issuer.public().made(changed)


def test_a_seal_is_read_in_its_one_form_only(issuer: Issuer) -> None:
    body = json.loads(seal(issuer).text())

    def written(**change: object) -> str:
        return canonical_json(body | change).decode("ascii")

    for text in (
        json.dumps(body),  # blanks
        written(extra=1),
        written(qj=2),
        written(ver=0),
        written(ver=True),
        written(ver="1"),
        written(at="2026-03-02T01:00:00"),
        written(at=5),
        written(id="../x"),
        written(key="0"),
        written(content="AA"),
        written(content="*" * 43),
        written(images="no list"),
        written(images=[1]),
        written(sig="A" * 2000),
        "[]",
        "{",
        "[" * 2000,
        " " * (MAX_TEXT + 1),
        "",
    ):
        with pytest.raises(ValueError):
            read_seal(text)


def test_a_signature_of_impossible_length_is_no_seal(issuer: Issuer) -> None:
    body = json.loads(seal(issuer).text()) | {"sig": "A" * 400}

    with pytest.raises(ValueError, match="no signature"):
        read_seal(canonical_json(body).decode("ascii"))


def test_keys_of_before_stay_checkable_after_the_master_key_was_replaced() -> None:
    old = new_keys()
    made = seal(Issuer(old))
    ring = Keys(2, old.masters | {2: b"\x07" * 32}, old.index, old.chain)

    now = Issuer(ring)

    assert now.key_id != made.key_id
    assert [key.made(made) for key in now.all_public("县医院")] == [False, True]
    assert now.salt("a", "1") != now.salt("a", "2")


def test_public_keys_travel_as_files_and_are_kept(issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "east.json"
    file.write_text(json.dumps({"keys": [issuer.public("东县医院").as_json()]}), "utf-8")

    trust(tmp_path, read_public_keys(file))

    assert list(trusted(tmp_path)) == [issuer.public("东县医院")]


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"keys": []}', "x" * 70_000, '{"format": 1}'])
def test_a_file_that_holds_no_public_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(text, "utf-8")

    with pytest.raises(InputRejected, match="seal.key_file"):
        read_public_keys(file)


def test_a_key_under_the_id_of_another_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(issuer.public().as_json() | {"key_id": "0" * 16}), "utf-8")

    with pytest.raises(InputRejected, match="seal.key_file"):
        read_public_keys(file)
    with pytest.raises(NotFound):
        read_public_keys(tmp_path / "none.json")


def test_a_key_or_signature_of_the_wrong_length_verifies_nothing() -> None:
    scheme = schemes.scheme("Ed25519")

    assert not scheme.verify(b"short", b"\0" * 64, b"text")
    assert not scheme.verify(scheme.public_key(b"\x01" * 32), b"short", b"text")


class Es256:
    """ECDSA over P-256, as a package might bring it."""

    def public_key(self, seed: bytes) -> bytes:
        key = ec.derive_private_key(int.from_bytes(seed) >> 1, ec.SECP256R1()).public_key()
        return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def sign(self, seed: bytes, message: bytes) -> bytes:
        key = ec.derive_private_key(int.from_bytes(seed) >> 1, ec.SECP256R1())
        return key.sign(message, ec.ECDSA(SHA256()))

    def verify(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
        try:
            key.verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


es256 = Es256()


def test_a_package_can_bring_another_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = EntryPoint("ES256", f"{__name__}:es256", schemes.GROUP)
    asked: list[str] = []

    def offer(*, group: str, name: str) -> list[EntryPoint]:
        asked.append(group)
        return [offered] if name == "ES256" else []

    monkeypatch.setattr(schemes, "entry_points", offer)
    monkeypatch.setattr(EntryPoint, "load", lambda _: es256)

    issuer = Issuer(new_keys(), "ES256")
    made = seal(issuer)

    assert made.algorithm == "ES256"
    assert set(asked) == {schemes.GROUP}
    assert issuer.public().made(read_seal(made.text()))
    assert not issuer.public().made(replace(made, version=2))


def test_an_algorithm_that_nobody_brought_is_refused() -> None:
    with pytest.raises(InputRejected, match="seal.unknown_algorithm"):
        PublicKey("SM2-SM3", b"key").made(
            Seal("SM2-SM3", PublicKey("SM2-SM3", b"key").key_id, "a", 1, AT, "", "", ())
        )


def test_every_outcome_of_a_check_has_words() -> None:
    texts = catalogue().entries
    always = ("signature", "content", "printed", "code", "pictures", "additions", "image")
    keys = {Check(code, end).key for code in always for end in (Outcome.PASSED, Outcome.FAILED)}
    open_ones = ("signature", "content", "printed", "code", "images")
    keys |= {Check(code, Outcome.NOT_DONE).key for code in open_ones}

    assert sorted(keys - texts.keys()) == []
