"""Answers of the rules as CDS Hooks cards, in one language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from qiangji_app.cds.reading import LeftOut, Reading
from qiangji_app.rules.evaluate import Answer, Outcome
from qiangji_app.rules.facts import Fact
from qiangji_app.rules.packs import Action, ActionKind, Urgency, Words
from qiangji_datasets.messages import Catalogue, Language, MissingText

#: CDS Hooks 2.0, card attributes: a summary has fewer than 140 characters.
SUMMARY_BELOW: Final = 140
TOPICS: Final = "urn:qiangji:topics"
OVERRIDE_REASONS: Final = "urn:qiangji:override-reasons"
#: Why a doctor does otherwise; texts ``cds.override.*``.
REASONS: Final = ("not_applicable", "done", "patient_refuses", "data_wrong", "disagree", "other")
_INDICATORS: Final = {
    Urgency.EMERGENCY: "critical",
    Urgency.URGENT: "warning",
    Urgency.SOON: "warning",
}
_PRIORITIES: Final = {Urgency.EMERGENCY: "stat", Urgency.URGENT: "urgent"}
#: Actions that an electronic record can put on its list.
_ORDERED: Final = frozenset(
    {
        *(ActionKind.ORDER, ActionKind.REFER_UP, ActionKind.REFER_DOWN, ActionKind.FOLLOW_UP),
        ActionKind.CALL_BACK,
    }
)
Json = dict[str, Any]


@dataclass(frozen=True)
class Deck:
    """Makes the cards of one call.

    Parameters
    ----------
    new_id
        Ids of cards and suggestions.
    """

    reading: Reading
    texts: Catalogue
    language: Language
    new_id: Callable[[], str]

    def cards(self, answers: Sequence[Answer], left_out: Sequence[LeftOut]) -> list[Json]:
        """A card for each answer that holds, then one that asks for what is missing or stale."""
        held = [answer for answer in answers if answer.outcome is Outcome.YES]
        asking = [answer for answer in answers if answer.outcome is Outcome.UNKNOWN]
        made = [self._card(answer) for answer in held]
        wanted = list(dict.fromkeys(code for answer in asking for code in answer.missing))
        return [*made, self._asking(wanted, left_out)] if wanted or left_out else made

    def _card(self, answer: Answer) -> Json:
        suggestions = [self._suggestion(one, answer) for one in answer.actions if _is_order(one)]
        card = {
            "uuid": self.new_id(),
            "summary": shortened(self._say(answer.title)),
            "indicator": _INDICATORS.get(answer.urgency, "info"),
            "detail": self._detail(answer),
            "source": self._source(answer),
            "overrideReasons": [self._reason(code) for code in REASONS],
        }
        chosen = {"suggestions": suggestions, "selectionBehavior": "any"}
        return card | (chosen if suggestions else {})

    def _detail(self, answer: Answer) -> str:
        """Advice, what it rests on, what would narrow it, where it comes from."""
        source = answer.source
        lines = [self._say(answer.advice)]
        others = [one for one in answer.actions if not _is_order(one)]
        lines += [self._text(f"do.{one.kind.value}", text=self._say(one.text)) for one in others]
        lines += [f"- {self._fact(fact)}" for fact in answer.inputs]
        lines += [f"- {name} = {value:g}" for name, value in sorted(answer.computed.items())]
        if answer.missing:
            lines.append(self._text("missing", names=self._names(answer.missing)))
        if answer.contradictions:
            names = self._names([fact.code for fact in answer.contradictions])
            lines.append(self._text("contradictions", names=names))
        lines.append(
            self._text(
                "source", document=source.document, edition=source.edition, clause=source.clause
            )
        )
        lines.append(self._text("rule", rule=answer.rule, version=answer.version[:12]))
        lines.append(f"**{self._text('decides')}**")
        return "\n\n".join(lines)

    def _source(self, answer: Answer) -> Json:
        source = answer.source
        topic = {"system": TOPICS, "code": answer.topic, "display": self._say(answer.title)}
        label = " ".join(part for part in (source.document, source.edition) if part)
        url = {"url": source.url} if source.url.startswith(("http://", "https://")) else {}
        return {"label": label, "topic": topic} | url

    def _suggestion(self, action: Action, answer: Answer) -> Json:
        said = self._say(action.text) or self._text(f"action.{action.kind.value}")
        days = self._text("in_days", days=action.days) if action.days else ""
        words = f"{said} {days}".strip()
        resource: Json = {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "proposal",
            "priority": _PRIORITIES.get(answer.urgency, "routine"),
            "code": {"text": words},
            "subject": {"reference": f"Patient/{self.reading.patient_id}"},
        }
        if action.days:
            due = (self.reading.now + timedelta(days=action.days)).astimezone(self.reading.zone)
            resource["occurrenceDateTime"] = due.date().isoformat()
        proposed = {"type": "create", "description": words, "resource": resource}
        return {"label": words, "uuid": self.new_id(), "actions": [proposed]}

    def _reason(self, code: str) -> Json:
        return {
            "code": code,
            "system": OVERRIDE_REASONS,
            "display": self._text(f"override.{code}"),
        }

    def _asking(self, wanted: Sequence[str], left_out: Sequence[LeftOut]) -> Json:
        """One card for what would decide, and for what was sent and not used."""
        lines = [self._text("ask", names=self._names(wanted))] if wanted else []
        if left_out:
            lines.append(self._text("left_out"))
            lines += [f"- {self._name(item.what)}: {self._why(item)}" for item in left_out]
        lines.append(f"**{self._text('decides')}**")
        topic = {"system": TOPICS, "code": "data.missing", "display": self._text("ask_summary")}
        return {
            "uuid": self.new_id(),
            "summary": self._text("ask_summary"),
            "indicator": "info",
            "detail": "\n\n".join(dict.fromkeys(lines)),
            "source": {"label": self._text("service"), "topic": topic},
        }

    def _fact(self, fact: Fact) -> str:
        value = f"{fact.value:g}" if isinstance(fact.value, float) else self._word(fact.value)
        day = fact.at.astimezone(self.reading.zone).strftime("%Y-%m-%d %H:%M")
        return " ".join(part for part in (self._name(fact.code), value, fact.unit, day) if part)

    def _word(self, value: bool | str) -> str:
        return self._text(f"value.{str(value).lower()}") if isinstance(value, bool) else value

    def _why(self, item: LeftOut) -> str:
        try:
            return self.texts.text(item.code, self.language, **item.params)
        except MissingText:
            return item.code

    def _names(self, codes: Sequence[str]) -> str:
        return ("、" if self.language is Language.ZH else ", ").join(map(self._name, codes))

    def _name(self, code: str) -> str:
        if code in self.reading.catalogue:
            found = self.reading.catalogue[code]
            return found.zh if self.language is Language.ZH else found.en
        key = f"cds.name.{code}"
        return self.texts.text(key, self.language) if key in self.texts.entries else code

    def _say(self, words: Words) -> str:
        return words.zh if self.language is Language.ZH else words.en

    def _text(self, key: str, **params: object) -> str:
        return self.texts.text(f"cds.{key}", self.language, **params)


def shortened(text: str) -> str:
    """The text as a summary: cut, with a sign that it was."""
    return text if len(text) < SUMMARY_BELOW else f"{text[: SUMMARY_BELOW - 2]}…"


def _is_order(action: Action) -> bool:
    return action.kind in _ORDERED
