"""Words of a report that exclude each other, and words that name a critical value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

#: Said to be absent or in order, and what cannot be said beside it; spaces are left out.
_OPPOSITES: Final = tuple(
    (re.compile(normal, re.IGNORECASE), re.compile(ill, re.IGNORECASE))
    for normal, ill in (
        (r"(?:未见|无)(?:明显|明确)?气胸", r"气胸"),
        (r"肋膈角(?:清晰)?锐利", r"肋膈角(?:变钝|消失|模糊)|胸腔积液"),
        (r"双肺野?清晰", r"斑片|条索|密度增高|感染性病变|肺结核|肺炎|实变"),
        (r"心影大小[^。;,,]*(?:未见|无)(?:明显)?异常|心影(?:大小)?正常", r"心影增大"),
        (r"纵隔居中", r"纵隔(?:向[左右])?(?:移位|偏移)"),
        (r"骨质未见(?:明显)?异常", r"骨折"),
        (r"窦性(?:心律|心动)", r"心房颤动|心房扑动|房颤|房扑"),
        (r"间期(?:在|均)?(?:正常范围|正常)", r"房室传?导?阻滞|束支传导阻滞"),
        (r"电轴不偏", r"电轴[左右]偏"),
        (r"ST-T(?:未见|无)(?:明显)?异常", r"ST-T改变|ST段抬高|ST段压低|T波倒置"),
    )
)
#: What the site must be told at once, in the words of reports; the kinds are those of a critical
#: call (``CALL_CODES``), each with the sources of ``ecg_rules.toml`` or the film critical values.
_CRITICAL: Final = re.compile(
    r"张力性气胸|大量气胸|大量胸腔积液|急性肺水肿|主动脉夹层|膈下游离气体"
    r"|(?:导管|插管|胃管)(?:位置错误|误入|异位)"
    r"|ST段抬高型?心肌梗死|STEMI|急性心肌梗死"
    r"|室性心动过速|室速|心室颤动|室颤|心室扑动|心脏停搏"
    r"|(?:三度|Ⅲ度|完全性|高度)房室传?导?阻滞|长间歇|高钾血症",
    re.IGNORECASE,
)
_CLAUSES: Final = re.compile(r"[\u3002.\uff1b;\uff0c,\n]+")
#: Before a word in its clause: it is denied, or of another time.
_DENIED: Final = re.compile(r"未见|未|无|排除|除外|不考虑|不符合|陈旧|既往|已吸收")


def opposites(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of words that exclude each other in one report.

    Parameters
    ----------
    texts
        Sections of the report.
    """
    clauses = [clause for text in texts for clause in _clauses(text)]
    return tuple(_opposites(clauses))


def _opposites(clauses: list[str]) -> Iterator[tuple[str, str]]:
    for normal, ill in _OPPOSITES:
        said = next((found[0] for clause in clauses if (found := normal.search(clause))), "")
        stated = next(_stated(ill, clauses), "")
        if said and stated:
            yield said, stated


def critical_words(impression: str) -> tuple[str, ...]:
    """Words of an impression that name a critical value and are not denied."""
    return tuple(dict.fromkeys(_stated(_CRITICAL, _clauses(impression))))


def _stated(words: re.Pattern[str], clauses: Iterable[str]) -> Iterator[str]:
    for clause in clauses:
        for found in words.finditer(clause):
            if not _DENIED.search(clause[: found.start()]):
                yield found[0]


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSES.split("".join(text.split(" "))) if clause]
