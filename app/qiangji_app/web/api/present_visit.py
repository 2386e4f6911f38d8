"""Visits, advice cards and people as JSON, in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from qiangji_app.domain.person import Patient
from qiangji_app.domain.roles import Site
from qiangji_app.domain.visit import Advice, Visit
from qiangji_app.rules.evaluate import Answer
from qiangji_app.rules.fact_files import fact_catalogue
from qiangji_app.rules.facts import Fact, FactType
from qiangji_app.services.advice import Advised
from qiangji_app.services.ages import age_text, day_at
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.entry_form import EntrySection
from qiangji_app.services.people import Known
from qiangji_app.services.rule_facts import Refused, digest_of_inputs, plain
from qiangji_app.web.api.words import Json, Words, iso
from qiangji_datasets.messages import Language

#: Words of a fact's context, of its origin and of actions: ``<part>.<code>``.
_CONTEXT: Final = "fact.context"


@dataclass(frozen=True)
class VisitPresenter:
    """Builds JSON for one caller."""

    words: Words
    sites: Mapping[str, Site]
    today: date

    def text_of(self, both: Mapping[str, str]) -> str:
        """The caller's language of a text that a rule brings with it."""
        return both["zh"] if self.words.language is Language.ZH else both["en"]

    def person(self, known: Known) -> Json:
        """One person in a list."""
        return {"person_id": known.person_id, "site": self._site(known.site_id)} | self.patient(
            known.patient
        )

    def patient(self, patient: Patient) -> Json:
        """Who it is, as one would say it at the desk; no identity number in whole."""
        number = patient.id_number
        return {
            "name": patient.name,
            "sex": patient.sex,
            "age_text": age_text(patient, self.today, self.words.catalogue, self.words.language),
            "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
            "phone": patient.phone,
            "id_ending": number[-4:] if number else "",
        }

    def _site(self, site_id: str) -> Json:
        site = self.sites.get(site_id)
        return {"id": site_id, "name": site.name if site else ""}

    def visit(self, visit: Visit) -> Json:
        """A visit as it was typed."""
        return {
            "id": visit.id,
            "person_id": visit.person_id,
            "site": self._site(visit.site_id),
            "doctor_id": visit.doctor_id,
            "at": iso(visit.at),
            "revision": visit.revision,
            "complaint": visit.complaint,
            "facts": [
                {
                    "code": one.code,
                    "name": self.fact_name(one.code),
                    "value": one.value,
                    "unit": one.unit,
                    "at": iso(one.at),
                    "context": one.context,
                }
                for one in visit.facts
            ],
        }

    def advised(self, found: Advised, kept: Sequence[Advice] = ()) -> Json:
        """Cards, what would decide more, and what cannot be true."""
        by_key = {(one.rule, one.version, one.inputs_sha256): one for one in kept}
        cards = [self._card(answer, by_key) for answer in found.answers]
        return {
            "cards": [card for card in cards if card["outcome"] == "yes"],
            "asks": [card for card in cards if card["outcome"] == "unknown"],
            "refused": [self.refused(one) for one in found.refused],
            "faulty": list(found.faulty),
        }

    def _card(self, answer: Answer, kept: Mapping[tuple[str, str, str], Advice]) -> Json:
        found = kept.get((answer.rule, answer.version, digest_of_inputs(answer)))
        return self.card(plain(answer)) | {"advice": self.decision(found) if found else None}

    def kept(self, item: Advice) -> Json:
        """Advice as it was given then."""
        return self.card(item.answer) | {"advice": self.decision(item)}

    def card(self, said: Mapping[str, Any]) -> Json:
        """An answer of a rule: what, why, by which text, what is missing."""
        source = said["source"]
        return {
            "rule": said["rule"],
            "pack": said["pack"],
            "edition": said["edition"],
            "version": said["version"],
            "outcome": said["outcome"],
            "urgency": said["urgency"],
            "urgency_text": self.words.known(f"advice.urgency.{said['urgency']}"),
            "topic": said["topic"],
            "title": self.text_of(said["title"]),
            "text": self.text_of(said["advice"]),
            "actions": [self._action(one) for one in said["actions"]],
            "source": {key: source.get(key, "") for key in _SOURCE},
            "evidence": said["evidence"],
            "inputs": [self.stored_fact(one) for one in said["inputs"]],
            "missing": [{"code": one, "name": self.fact_name(one)} for one in said["missing"]],
            "computed": said["computed"],
        }

    def _action(self, said: Mapping[str, Any]) -> Json:
        text = self.text_of(said["text"]) or self.words.known(f"advice.action.{said['kind']}")
        return {key: said[key] for key in ("kind", "days", "within_hours", "target")} | {
            "text": text
        }

    def decision(self, item: Advice) -> Json:
        """What the doctor did with it."""
        return {
            "id": item.id,
            "given_at": iso(item.given_at),
            "decision": item.decision.value,
            "decided_at": iso(item.decided_at),
            "decided_by": item.decided_by,
            "reason_code": item.reason_code,
            "reason": item.reason,
        }

    def refused(self, item: Refused) -> Json:
        """Why a statement is not taken, to stand beside its field."""
        return {"index": item.index} | self.fault(item.error.code, item.error.params)

    def fault(self, code: str, params: Mapping[str, object]) -> Json:
        """An error in words."""
        catalogue = self.words.catalogue
        return {
            "code": code,
            "message": self.words.text(code, params),
            "advice": catalogue.advice(code, self.words.language, **params),
        }

    def fact(self, item: Fact) -> Json:
        """A fact with its origin."""
        return self.stored_fact(plain(item))

    def stored_fact(self, said: Mapping[str, Any]) -> Json:
        """A fact as JSON, with words."""
        context = [
            self.words.known(f"{_CONTEXT}.{key}.{word}") for key, word in said["context"].items()
        ]
        return {
            "code": said["code"],
            "name": self.fact_name(said["code"]),
            "value": said["value"],
            "text": self._value(said),
            "context": context,
            "context_codes": dict(said["context"]),
            "at": said["at"],
            "origin": said["origin"],
            "origin_text": self.words.known(f"fact.origin.{said['origin']}"),
            "ref": said["ref"],
        }

    def _value(self, said: Mapping[str, Any]) -> str:
        value = said["value"]
        if isinstance(value, bool):
            return self.words.text("fact.yes" if value else "fact.no")
        if isinstance(value, str):
            return value or self.words.text("fact.none")
        return f"{value:g} {self.unit(said['unit'])}".strip()

    def unit(self, code: str) -> str:
        """A unit as people write it."""
        return self.words.known(f"unit.{code}") if code else ""

    def fact_name(self, code: str) -> str:
        """Name of a fact."""
        if code not in fact_catalogue():
            return code
        return self._name(fact_catalogue()[code])

    def _name(self, fact: FactType) -> str:
        return fact.zh if self.words.language is Language.ZH else fact.en

    def sections(self, sections: Iterable[EntrySection]) -> list[Json]:
        """The form of a visit."""
        return [
            {"id": one.id, "facts": [self._entry(fact) for fact in one.facts]} for one in sections
        ]

    def _entry(self, fact: FactType) -> Json:
        low, high = fact.limits(None)
        return {
            "code": fact.code,
            "name": self._name(fact),
            "kind": fact.kind.value,
            "group": fact.group,
            "units": [{"code": one.code, "text": self.unit(one.code)} for one in fact.units],
            "words": list(fact.words),
            "low": low if low > float("-inf") else None,
            "high": high if high < float("inf") else None,
            "contexts": {
                key: [
                    {"code": word, "text": self.words.known(f"{_CONTEXT}.{key}.{word}")}
                    for word in choices
                ]
                for key, choices in fact.contexts.items()
            },
        }


_SOURCE: Final = ("document", "edition", "clause", "url", "sentence")


def presenter(ctx: Context, who: Caller) -> VisitPresenter:
    """For one caller."""
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites()}
    words = Words(ctx.catalogue, who.language)
    return VisitPresenter(words, sites, day_at(sites.get(who.actor.site_id), ctx.clock.now()))
