"""``qiangji verify``: an original passes, and every way to change one is found and named."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import ByteStringObject, NameObject, NumberObject, StreamObject
from support.county import County, content, small_film
from typer.testing import CliRunner

from qiangji_app import cli
from qiangji_app.bootstrap import catalogue
from qiangji_app.domain.canonical import canonical_json, digest
from qiangji_app.domain.report import signed_digest
from qiangji_app.domain.seal import read_seal
from qiangji_app.printing.sealed_result import ATTACHMENT_NAME, SealedResult, sealed_result
from qiangji_app.recognition_rules import shipped_rules
from qiangji_app.seals.checks import Outcome, Verdict, verify
from qiangji_app.seals.keys import Issuer
from qiangji_app.seals.qr import qr_png
from qiangji_app.services import capture, review
from qiangji_app.services.recognition_evidence import evidence_of
from qiangji_app.services.results import ResultDocument, result_document
from qiangji_app.storage.keys import new_keys, open_keys
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language
from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds

pytestmark = pytest.mark.system  # pango


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("issuer")


def _sealed(folder: Path, document: ResultDocument, language: Language) -> SealedResult:
    evidence = evidence_of(
        document.case,
        document.report,
        document.recordings,
        rules=replace(shipped_rules(), scope="东县", modalities=frozenset({"cxr"})),
        zone=ZoneInfo(document.site.time_zone),
        now=document.printed_at,
    )
    issuer = Issuer(open_keys(folder / "keys"))
    return sealed_result(document, catalogue(), language, issuer=issuer, evidence=evidence)


@pytest.fixture(scope="module")
def document(folder: Path) -> Iterator[ResultDocument]:
    """A signed film."""
    county = County(folder)
    county.reader.records[b"film"] = small_film()
    case_id = county.draft(name="赵某")
    county.upload(case_id, b"film")
    capture.submit(county.ctx, county.caller("operator").actor, case_id)
    specialist = county.caller("specialist").actor
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    yield result_document(county.ctx, county.caller("operator").actor, case_id)
    county.close()


@pytest.fixture(scope="module")
def printed(folder: Path, document: ResultDocument) -> tuple[SealedResult, bytes]:
    """The film as a sealed page and its PDF."""
    sealed = _sealed(folder, document, Language.ZH)
    return sealed, sealed.pdf()


@pytest.fixture(scope="module")
def original(printed: tuple[SealedResult, bytes]) -> bytes:
    return printed[1]


@pytest.fixture(scope="module")
def issued(printed: tuple[SealedResult, bytes]) -> dict[str, object]:
    body: dict[str, object] = json.loads(printed[0].attachment)
    return body


def _verified(
    folder: Path, data: bytes, *, name: str = "brought.pdf", images: tuple[Path, ...] = ()
) -> Verdict:
    path = folder / name
    path.write_bytes(data)
    keys = Issuer(open_keys(folder / "keys")).all_public("县医院")
    return verify(path, keys, images)


def _failed(verdict: Verdict) -> set[str]:
    return {item.code for item in verdict.checks if item.outcome is Outcome.FAILED}


def _rewritten(data: bytes, change: Callable[[PdfWriter], None]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _with_attachment(data: bytes, body: bytes) -> bytes:
    def change(writer: PdfWriter) -> None:
        for item in writer.attachment_list:
            if item.name == ATTACHMENT_NAME:
                item.content = ByteStringObject(body)

    return _rewritten(data, change)


def test_an_original_is_genuine_with_its_recording_and_says_what_it_cannot_know(
    folder: Path, original: bytes
) -> None:
    film = folder / "film.dcm"
    film.write_bytes(b"film")

    verdict = _verified(folder, original, images=(film,))

    assert verdict.is_genuine
    assert {item.outcome for item in verdict.checks} == {Outcome.PASSED}
    assert [item.code for item in verdict.checks] == [
        "signature",
        "content",
        "image",
        "code",
        "printed",
        "pictures",
        "additions",
    ]


def test_a_long_report_over_several_pages_with_an_ecg_is_genuine_in_english_too(
    folder: Path, document: ResultDocument
) -> None:
    written = replace(
        document.report.content,
        fields={"findings": "双肺纹理增多,suspicious for infiltration, right upper zone。\n" * 60},
        advice="1. 痰检;2. 一周后复查。\n  <b>Not markup</b> & “quotes” — 1/2 ②",
        measurements={"心胸比": "0.48", "QTc": "412 ms"},
        findings=("effusion", "consolidation"),
    )
    report = replace(document.report, content=written)
    report = replace(report, content_sha256=signed_digest(report))
    at = np.arange(5000) / 500.0
    waves = np.repeat(np.sin(7.5 * at)[None, :], 12, axis=0).astype(np.float32)
    ecg = EcgRecord(waves, 500.0, PersonIdentity(), StudyIds(), filters={"low_hz": 0.05})
    picture = replace(document.pictures[0], record=ecg)
    longer = replace(document, report=report, pictures=[*document.pictures, picture])

    verdict = _verified(folder, _sealed(folder, longer, Language.EN).pdf())

    assert [item for item in verdict.checks if item.outcome is Outcome.FAILED] == []
    assert verdict.is_genuine


def test_the_qr_code_holds_no_name(printed: tuple[SealedResult, bytes]) -> None:
    text = printed[0].seal.text()

    assert "赵" not in text
    assert set(json.loads(text)) == {
        *("qj", "alg", "key", "id", "ver", "at", "content", "page", "images", "sig")
    }


def test_every_print_of_a_version_has_the_same_content_digest(
    folder: Path, printed: tuple[SealedResult, bytes], issued: dict[str, object]
) -> None:
    seal = printed[0].seal

    assert digest(issued["content"]) == seal.content_sha256  # type: ignore[arg-type]
    assert digest(issued["page"]) == seal.page_sha256  # type: ignore[arg-type]


def test_a_recording_of_somebody_else_is_told_apart(folder: Path, original: bytes) -> None:
    other = folder / "other.dcm"
    other.write_bytes(b"other")

    verdict = _verified(folder, original, images=(other,))

    assert _failed(verdict) == {"image"}
    with pytest.raises(InputRejected, match="seal.image_unreadable"):
        _verified(folder, original, images=(folder / "absent.dcm",))


def test_without_the_issuers_key_nothing_is_confirmed(folder: Path, original: bytes) -> None:
    path = folder / "brought.pdf"
    path.write_bytes(original)

    verdict = verify(path, Issuer(new_keys()).all_public())

    assert not verdict.is_genuine
    assert not _failed(verdict)
    assert {item.code for item in verdict.checks if item.outcome is Outcome.NOT_DONE} == {
        "signature",
        "images",
    }


def test_changed_words_on_the_page_are_found_and_quoted(
    folder: Path, printed: tuple[SealedResult, bytes]
) -> None:
    from qiangji_app.printing.pdf import html_to_pdf

    sealed = printed[0]
    html = sealed.html.replace("未见明显异常", "右上肺结核")
    forged = html_to_pdf(html, attachments={ATTACHMENT_NAME: sealed.attachment})

    verdict = _verified(folder, forged)

    assert _failed(verdict) == {"printed"}
    (check,) = [item for item in verdict.checks if item.code == "printed"]
    assert str(check.params["wanted"]).startswith("未见明显异常")
    assert str(check.params["found"]).startswith("右上肺结核")


@pytest.mark.parametrize("extra", ["<p>请速汇款</p>", "<section>另见他院</section>"])
def test_words_added_anywhere_are_found(
    folder: Path, printed: tuple[SealedResult, bytes], extra: str
) -> None:
    from qiangji_app.printing.pdf import html_to_pdf

    sealed = printed[0]
    html = sealed.html.replace("</body>", f"{extra}</body>")
    forged = html_to_pdf(html, attachments={ATTACHMENT_NAME: sealed.attachment})

    assert _failed(_verified(folder, forged)) == {"printed"}


def test_a_replaced_picture_and_a_replaced_qr_code_are_found(
    folder: Path, printed: tuple[SealedResult, bytes]
) -> None:
    import base64

    from qiangji_app.printing.pdf import html_to_pdf

    sealed = printed[0]
    buffer = io.BytesIO()
    picture = Image.new("L", (64, 64), 80)
    ImageDraw.Draw(picture).ellipse((10, 10, 50, 50), fill=200)
    picture.save(buffer, "PNG")
    film = base64.b64encode(buffer.getvalue()).decode("ascii")
    code = base64.b64encode(qr_png(sealed.seal.text().replace('"ver":1', '"ver":2'))).decode()
    pngs = re.findall(r'src="data:image/png;base64,([^"]+)"', sealed.html)
    attachments = {ATTACHMENT_NAME: sealed.attachment}

    with_film = html_to_pdf(sealed.html.replace(pngs[1], film), attachments=attachments)
    with_code = html_to_pdf(sealed.html.replace(pngs[0], code), attachments=attachments)

    assert _failed(_verified(folder, with_film)) == {"pictures"}
    assert _failed(_verified(folder, with_code)) == {"code"}


def test_changed_json_is_found_whether_or_not_its_digest_is_mended(
    folder: Path, original: bytes, issued: dict[str, object]
) -> None:
    forged = json.loads(json.dumps(issued))
    forged["content"]["report"]["impression"] = "右上肺结核"
    verdict = _verified(folder, _with_attachment(original, canonical_json(forged)))
    assert {"content", "printed"} <= _failed(verdict)

    forged["content"]["report_sha256"] = digest(forged["content"]["report"])
    stated = json.loads(str(forged["seal"]))
    seal = read_seal(str(forged["seal"]))
    mended = Issuer(new_keys()).sign(seal)  # somebody else's key under the issuer's id
    forged["seal"] = mended.text()
    verdict = _verified(folder, _with_attachment(original, canonical_json(forged)))
    assert {"signature", "content", "code"} <= _failed(verdict)
    assert stated["key"] == seal.key_id


def test_a_note_or_a_second_version_added_to_the_file_is_found(
    folder: Path, original: bytes
) -> None:
    def add_note(writer: PdfWriter) -> None:
        note = FreeText(text="no", rect=(50, 550, 200, 650))
        writer.add_annotation(page_number=0, annotation=note)

    assert "additions" in _failed(_verified(folder, _rewritten(original, add_note)))
    assert "additions" in _failed(_verified(folder, original + b"\n%%EOF\n"))


def test_a_file_without_the_json_is_no_original(folder: Path, original: bytes) -> None:
    def drop(writer: PdfWriter) -> None:
        del writer.root_object["/Names"]

    with pytest.raises(InputRejected, match="seal.no_attachment"):
        _verified(folder, _rewritten(original, drop))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"qiangji_result":1,"seal":"","content":{},"page":{}}',
        b'{"qiangji_result":1,"seal":"","content":[],"page":{}}',
        b"\xff\xfe{",
    ],
)
def test_json_that_is_none_of_ours_is_refused(folder: Path, original: bytes, body: bytes) -> None:
    with pytest.raises(InputRejected, match="seal"):
        _verified(folder, body if body.startswith(b"{") else b"{" + body, name="brought.json")


def test_json_with_values_of_the_wrong_kind_is_refused(
    folder: Path, original: bytes, issued: dict[str, object]
) -> None:
    for name, wrong in (("content", {"report": {"fields": 5}}), ("page", {"text": 1})):
        forged = canonical_json(issued | {name: wrong})
        with pytest.raises(InputRejected, match="seal.json_damaged"):
            _verified(folder, _with_attachment(original, forged))


def test_the_json_alone_is_checked_and_says_that_the_print_was_not(
    folder: Path, printed: tuple[SealedResult, bytes]
) -> None:
    verdict = _verified(folder, printed[0].attachment, name="brought.json")

    assert verdict.is_signed
    assert not verdict.is_genuine
    assert not _failed(verdict)
    outcomes = {item.code: item.outcome for item in verdict.checks}
    assert outcomes["printed"] is Outcome.NOT_DONE
    assert outcomes["code"] is Outcome.NOT_DONE


def test_a_photograph_of_the_code_tells_the_issuer_and_leaves_the_rest_open(
    folder: Path, printed: tuple[SealedResult, bytes]
) -> None:
    verdict = _verified(folder, qr_png(printed[0].seal.text()), name="brought.png")

    assert verdict.is_signed
    assert not verdict.is_genuine
    assert not _failed(verdict)
    assert [item.code for item in verdict.checks if item.outcome is Outcome.NOT_DONE] == [
        "content",
        "printed",
        "images",
    ]


def test_a_truncated_file_is_refused_at_any_length(folder: Path, original: bytes) -> None:
    for share in (0.02, 0.4, 0.8, 0.97, 0.999):
        with pytest.raises(InputRejected, match="seal"):
            _verified(folder, original[: int(len(original) * share)])


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7\n", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"{" * 50]
)
def test_a_file_of_another_kind_is_refused(folder: Path, data: bytes) -> None:
    with pytest.raises(InputRejected, match="seal"):
        _verified(folder, data)


def test_a_picture_without_a_code_and_an_absent_file_are_refused(folder: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (20, 20)).save(buffer, "PNG")

    with pytest.raises(InputRejected, match="seal.not_ours"):
        _verified(folder, buffer.getvalue(), name="empty.png")
    with pytest.raises(InputRejected, match="seal.file_unreadable"):
        verify(folder / "absent.pdf", ())


def test_a_locked_file_and_one_with_too_many_pages_are_refused(
    folder: Path, original: bytes
) -> None:
    def lock(writer: PdfWriter) -> None:
        writer.encrypt("secret", algorithm="AES-256")

    def grow(writer: PdfWriter) -> None:
        for _ in range(61):
            writer.add_blank_page(100, 100)

    with pytest.raises(InputRejected, match="seal.pdf_locked"):
        _verified(folder, _rewritten(original, lock))
    with pytest.raises(InputRejected, match="seal.pdf_too_large"):
        _verified(folder, _rewritten(original, grow))


def test_a_content_stream_that_unpacks_without_end_costs_only_its_own_process(
    folder: Path, original: bytes
) -> None:
    import zlib

    def bomb(writer: PdfWriter) -> None:
        stream = StreamObject()
        packed = zlib.compress(b" " * 2**28, 9)
        stream._data = packed
        stream[NameObject("/Filter")] = NameObject("/FlateDecode")
        stream[NameObject("/Length")] = NumberObject(len(packed))
        writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)

    with pytest.raises(InputRejected, match="seal"):
        _verified(folder, _rewritten(original, bomb))


def test_the_command_tells_in_both_languages_and_ends_with_a_code(
    folder: Path, original: bytes
) -> None:
    runner = CliRunner()
    cli._register("verify")
    cli._register("keys")
    path = folder / "original.pdf"
    path.write_bytes(original)
    keys = str(folder / "keys")

    passed = runner.invoke(cli.app, ["verify", str(path), "--keys", keys])
    assert passed.exit_code == 0
    for line in (
        "核对通过",
        "Genuine",
        "离线无法得知是否已有新版本",
        "it cannot be known",
    ):
        assert line in passed.output

    stranger = runner.invoke(cli.app, ["verify", str(path), "--keys", str(folder / "none")])
    assert stranger.exit_code == 1
    assert "无法确认" in stranger.output

    path.write_bytes(original[:5000])
    cut = runner.invoke(cli.app, ["verify", str(path), "--keys", keys])
    assert cut.exit_code == 1
    assert "PDF 不完整" in cut.output
    assert "incomplete or damaged" in cut.output


def test_another_site_checks_with_the_exported_key(folder: Path, original: bytes) -> None:
    runner = CliRunner()
    cli._register("verify")
    cli._register("keys")
    path, other = folder / "original.pdf", folder / "other"
    path.write_bytes(original)
    open_keys(other)
    ours = ["--keys", str(folder / "keys")]
    exported = runner.invoke(cli.app, ["keys", "public", *ours, "--issuer", "东县医院"])
    file = folder / "east.json"
    file.write_text(exported.output, "utf-8")

    named = runner.invoke(cli.app, ["verify", str(path), "--key", str(file)])
    kept = runner.invoke(cli.app, ["keys", "trust", str(file), "--keys", str(other)])
    listed = runner.invoke(cli.app, ["keys", "list", "--keys", str(other)])
    checked = runner.invoke(
        cli.app, ["verify", str(path), "--keys", str(other), "--image", str(folder / "keys")]
    )

    assert named.exit_code == 0
    assert "东县医院" in named.output
    assert kept.exit_code == listed.exit_code == 0
    assert "东县医院" in listed.output
    assert checked.exit_code == 1  # a key ring is no recording of this report
    assert "不是本报告所依据的" in checked.output
