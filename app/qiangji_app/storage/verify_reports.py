"""Checks every signed report: against its own digest, and against what the log says was signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from qiangji_app.domain.audit import Problem
from qiangji_app.domain.report import signed_digest
from qiangji_app.storage.case_rows import to_signed
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.tables import event, signed_report
from qiangji_datasets.errors import StorageFault

#: Kinds of damage, each a message key.
REPORT_UNREADABLE: Final = "audit.report_unreadable"
REPORT_EDITED: Final = "audit.report_edited"
REPORT_NOT_LOGGED: Final = "audit.report_not_logged"
REPORT_CONTRADICTED: Final = "audit.report_contradicted"
REPORT_MISSING: Final = "audit.report_missing"
REPORT_ORDER: Final = "audit.report_order"

_Key = tuple[str, int]  # case and version


def check_reports(connection: Connection, keys: Keys) -> tuple[int, list[Problem]]:
    """Number of signed reports and what is wrong with them.

    The events are checked by ``verify_log``; here they are taken as they are.
    """
    logged = dict(_logged(connection))
    newest: dict[str, int] = {}
    problems: list[Problem] = []
    statement = select(signed_report).order_by(
        signed_report.c.case_id, signed_report.c.version.desc()
    )
    found: set[_Key] = set()
    for row in connection.execute(statement):
        key = (str(row.case_id), int(row.version))
        found.add(key)
        codes = _codes(row, FieldCipher(keys), logged.get(key))
        problems += [Problem(code, case_id=key[0], version=key[1]) for code in codes]
        if row.superseded_by != newest.get(key[0], 0):
            problems.append(Problem(REPORT_ORDER, case_id=key[0], version=key[1]))
        newest[key[0]] = key[1]
    problems += [
        Problem(REPORT_MISSING, case_id=case_id, version=version)
        for case_id, version in sorted(logged.keys() - found)
    ]
    return len(found), problems


def _codes(row: Row[Any], cipher: FieldCipher, logged: str | None) -> Iterator[str]:
    try:
        digest = signed_digest(to_signed(row, cipher))
    except (StorageFault, ValueError, TypeError, KeyError):  # no program of ours wrote this
        yield REPORT_UNREADABLE
        return
    if digest != row.content_sha256:
        yield REPORT_EDITED
    if logged is None:
        yield REPORT_NOT_LOGGED
    elif logged != row.content_sha256:
        yield REPORT_CONTRADICTED


def _logged(connection: Connection) -> Iterator[tuple[_Key, str]]:
    """Case and version to digest, as the chain of changes has it."""
    statement = select(event.c.case_id, event.c.payload).where(
        event.c.type == "report.signed", event.c.chain == "changes"
    )
    for row in connection.execute(statement.order_by(event.c.node_id, event.c.node_seq)):
        try:
            payload = dict(json.loads(row.payload))
            yield (str(row.case_id), int(payload["version"])), str(payload["content_sha256"])
        except (ValueError, TypeError, KeyError):
            continue  # the walk over the chain reports this event
