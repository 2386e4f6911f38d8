"""Pictures of cells cannot be sent as cases yet, and break nothing where one turns up."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from support.county import County, content
from support.readings import reading

from qiangji_app.domain.ids import is_uuid
from qiangji_app.errors import mapping_of
from qiangji_app.printing.result_page import result_html
from qiangji_app.services import capture, imaging, review, triage
from qiangji_app.services.results import result_document
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language
from qiangji_datasets.records import CellImage, Modality
from qiangji_inference.rehearsal import made_up


def _cell() -> CellImage:
    cell = made_up(Modality.PAP)
    assert isinstance(cell, CellImage)
    return cell


def test_a_case_of_cells_is_refused_with_what_cases_take(county: County) -> None:
    case_id = county.ctx.ids.new()
    assert is_uuid(case_id)

    with pytest.raises(InputRejected, match=r"case\.modality") as refused:
        capture.open_case(county.ctx, county.caller("operator").actor, case_id, "pap")

    for language, words in ((Language.ZH, "只接收胸片和心电图"), (Language.EN, "ECGs only")):
        assert words in county.ctx.catalogue.text(
            refused.value.code, language, **refused.value.params
        )
    assert mapping_of(refused.value).http == 422


def test_facts_of_a_cell_hold_its_size_and_scale() -> None:
    found = triage.assess(_cell(), reading(modality=Modality.PAP))

    assert found.modality == "pap"
    assert found.facts["kind"] == "cell"
    assert (found.facts["rows"], found.facts["columns"]) == (100, 100)
    assert (found.facts["pixel_um"], found.facts["stain"]) == (None, "unknown")


def test_a_stored_cell_is_shown_in_colour_in_lists_and_results(county: County) -> None:
    county.reader.records[b"cell"] = _cell()
    case_id = county.draft()
    recording_id = county.upload(case_id, b"cell")
    operator, specialist = county.caller("operator").actor, county.caller("specialist").actor

    small = Image.open(io.BytesIO(imaging.thumbnail(county.ctx, operator, recording_id)))
    capture.submit(county.ctx, operator, case_id)
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    document = result_document(county.ctx, operator, case_id)
    page = result_html(document, county.ctx.catalogue, Language.ZH)

    assert (small.mode, small.size) == ("RGB", (100, 100))
    assert "细胞图片" in page and "data:image/png;base64" in page
