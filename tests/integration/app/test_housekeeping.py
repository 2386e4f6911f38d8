"""Regular work: what is given up, and what stays."""

from __future__ import annotations

import hashlib
import uuid

from support.county import County

from qiangji_app.services import uploading
from qiangji_app.services.housekeeping import PATIENCE, keep_house

_A_DAY_AND_A_BIT = PATIENCE.total_seconds() + 60


def _half_sent(county: County, case_id: str) -> str:
    actor = county.caller("operator").actor
    upload_id = str(uuid.uuid4())
    uploading.start(
        county.ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x",
        size=10,
        sha256="0" * 64,
    )
    uploading.append(county.ctx, actor, upload_id, 0, b"half")
    return upload_id


def _state(county: County, upload_id: str) -> tuple[str, str]:
    found = uploading.status(county.ctx, county.caller("operator").actor, upload_id)
    return found.state, found.error_code


def test_a_stale_upload_is_given_up_and_referenced_files_stay(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id, b"kept")
    upload_id = _half_sent(county, case_id)
    county.bytes_came_last(upload_id, county.clock.now())

    county.clock.step(seconds=_A_DAY_AND_A_BIT)
    keep_house(county.ctx)

    assert _state(county, upload_id) == ("failed", "upload.abandoned")
    assert county.ctx.blobs.get(hashlib.sha256(b"kept").hexdigest()) == b"kept"


def test_an_upload_older_than_a_day_goes_on_while_bytes_come(county: County) -> None:
    upload_id = _half_sent(county, county.draft())

    county.clock.step(seconds=_A_DAY_AND_A_BIT)
    county.bytes_came_last(upload_id, county.clock.now())
    keep_house(county.ctx)

    assert _state(county, upload_id)[0] == "receiving"
    assert county.ctx.blobs.received(upload_id) == 4


def test_an_old_upload_of_which_nothing_came_is_given_up(county: County) -> None:
    upload_id = _half_sent(county, county.draft())
    county.ctx.blobs.abandon(upload_id)

    county.clock.step(seconds=_A_DAY_AND_A_BIT)
    keep_house(county.ctx)

    assert county.ctx.blobs.touched_at(upload_id) is None
    assert _state(county, upload_id) == ("failed", "upload.abandoned")
