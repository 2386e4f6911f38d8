"""What a printed result says for its recognition elsewhere: mark, quality, device, window."""

from __future__ import annotations

from qiangji_app.domain.recognition import Window
from qiangji_app.services.recognition_evidence import Evidence, RecordingEvidence
from qiangji_datasets.messages import Catalogue, Language

_QUALITY = {True: "passed", False: "not_passed", None: "not_checked"}


def recognition_lines(evidence: Evidence, catalogue: Catalogue, language: Language) -> list[str]:
    """A line for each recording, and one for the county's window where it set one."""

    def text(key: str, **params: object) -> str:
        return catalogue.text(f"recognition.print.{key}", language, **params)

    def line(item: RecordingEvidence) -> str:
        device = item.device or text("no_device")
        quality = text(f"quality_{_QUALITY[item.is_passed]}")
        return text("recording", number=item.number, device=device, quality=quality)

    lines = [line(item) for item in evidence.recordings]
    if evidence.was_overridden:
        lines.append(text("overridden"))
    if evidence.window is not Window.UNSET:
        lines.append(text("window", days=evidence.window_days))
    return lines


def evidence_json(evidence: Evidence) -> dict[str, object]:
    """The evidence as values of the sealed content."""
    return {
        "mark": evidence.mark,
        "window_days": evidence.window_days,
        "was_overridden": evidence.was_overridden,
        "recordings": [
            {"device": item.device, "is_passed": item.is_passed, "codes": list(item.codes)}
            for item in evidence.recordings
        ],
    }
