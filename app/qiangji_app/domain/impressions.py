"""Whether an impression says, as a whole, that nothing was found."""

from __future__ import annotations

import re
from typing import Final

# What is looked at as a whole: the study, or heart and lungs together; one organ alone is not.
_STUDY_ZH: Final = (
    r"(?:(?:本次|此次|静息|常规|同步|12导联|十二导联)*心电图"
    r"|(?:胸部)?(?:正位|侧位|正侧位|后前位)?(?:X线|X光|DR|平|胸)?片"
    r"|胸部(?:X线|X光|DR)?(?:检查)?"
    r"|(?=[^未无正]*心)(?=[^未无正]*肺)[两双心影肺野膈肌纵隔胸廓骨、及和与]+)"
)
_NOTHING_ZH: Final = (
    r"(?:均)?(?:未见|未发现|无)(?:明显|明确|确切|显著|急性)*(?:的)?"
    r"(?:异常|病变)(?:改变|征象|表现|所见)?"
)
_STUDY_EN: Final = (
    r"(?:the )?(?:(?:resting |12-lead )*(?:ecg|ekg|electrocardiogram)"
    r"|(?:frontal )?chest(?: film| x-?ray| radiograph)?|film|study|examination)"
)
_NOTHING_EN: Final = (
    r"no (?:significant |acute |obvious |definite |evident )*(?:cardiopulmonary )?"
    r"abnormalit(?:y|ies)(?: (?:is |was |are |were )?(?:seen|detected|found|identified|noted))?"
)
#: A statement that names the study, wherever it stands.
_CLAUSE: Final = re.compile(
    rf"{_STUDY_ZH}(?:检查)?(?:示|提示)?{_NOTHING_ZH}"
    rf"|{_STUDY_ZH}(?:在|属|为)?(?:大致|基本)?正常(?:范围)?内?"
    rf"|(?:大致|基本)?正常(?:范围)?(?:的)?{_STUDY_ZH}"
    rf"|{_STUDY_EN}(?: shows?| with)?:? {_NOTHING_EN}"
    rf"|{_STUDY_EN}(?: is)?(?: within)? normal(?: limits)?"
    rf"|normal {_STUDY_EN}",
    re.IGNORECASE,
)
#: One that names nothing speaks of the study only where no other finding leads up to it.
_SENTENCE: Final = re.compile(
    rf"(?:窦性心律,)?(?:{_NOTHING_ZH}|(?:大致|基本)?正常)"
    rf"|(?:(?:normal )?sinus rhythm, ?)?(?:{_NOTHING_EN}|(?:within )?normal(?: limits)?)",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"^\d+[、.)]")
_SPACE_BESIDE_HAN: Final = re.compile(r"(?<![!-~]) | (?![!-~])|(?<=\d) (?=[^!-~])")


def says_normal(impression: str) -> bool:
    """True where a whole statement says so, in either language of the report.

    What is said of the rest (余, 其余, otherwise) or of one organ does not deny a finding.
    """
    for sentence in re.split(r"[\u3002.\uff1b;\uff01!\n]+", impression):
        text = _NUMBERED.sub("", _SPACE_BESIDE_HAN.sub("", " ".join(sentence.split())))
        text = text.replace("\uff0c", ",")
        if _SENTENCE.fullmatch(text):
            return True
        if any(_CLAUSE.fullmatch(clause.strip()) for clause in text.split(",")):
            return True
    return False
