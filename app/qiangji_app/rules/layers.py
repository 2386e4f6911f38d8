"""The rulebook: packs of all layers, which of them are in force, and who overrides whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.fact_files import fact_catalogue, rulepacks_folder
from qiangji_app.rules.facts import FactCatalogue
from qiangji_app.rules.pack_files import read_pack
from qiangji_app.rules.packs import Layer, Pack, Rule
from qiangji_datasets.errors import InputRejected


@dataclass(frozen=True)
class Placed:
    """A rule with the pack it stands in."""

    pack: Pack
    rule: Rule


@dataclass(frozen=True)
class Rulebook:
    """All packs of an installation.

    Conditions are compiled when a rule is first asked, and kept by the rule's digest.
    """

    catalogue: FactCatalogue
    packs: tuple[Pack, ...]
    _compiled: dict[str, CompiledRule] = field(default_factory=dict, repr=False, compare=False)

    def with_layer(self, *packs: Pack) -> Rulebook:
        """The rulebook with the packs of a province, a county or a hospital on top.

        Raises
        ------
        InputRejected
            A pack of that id is there already, or an override names no source, or nothing that
            it could override.
        """
        taken = {pack.id for pack in self.packs}
        for pack in packs:
            if pack.id in taken:
                raise InputRejected("rules.pack_twice", pack=pack.id)
            taken.add(pack.id)
            self._check_overrides(pack)
        return Rulebook(self.catalogue, (*self.packs, *packs), self._compiled)

    def _check_overrides(self, pack: Pack) -> None:
        lower = {
            rule.id for other in self.packs if other.layer < pack.layer for rule in other.rules
        }
        for rule in pack.rules:
            if rule.overrides and rule.overrides not in lower:
                raise InputRejected(
                    "rules.overrides_nothing", rule=rule.id, overridden=rule.overrides
                )
            if rule.overrides and not (rule.source.document and rule.source.clause):
                raise InputRejected("rules.override_without_source", rule=rule.id)

    def in_force(self, day: date, jurisdiction: Iterable[str]) -> tuple[Placed, ...]:
        """Every rule that answers on a day in a place; an overridden one is left out."""
        places = frozenset(jurisdiction)
        packs = [pack for pack in self.packs if pack.in_force(day) and pack.jurisdiction in places]
        overridden = {
            (rule.overrides, layer)
            for pack in packs
            for rule in pack.rules
            if rule.overrides and rule.takes_effect
            for layer in Layer
            if layer < pack.layer
        }
        return tuple(
            Placed(pack, rule)
            for pack in packs
            for rule in pack.rules
            if rule.is_on and (rule.id, pack.layer) not in overridden
        )

    @cached_property
    def by_version(self) -> Mapping[str, Rule]:
        """Every rule by its digest."""
        return {rule.version: rule for pack in self.packs for rule in pack.rules}

    def compiled(self, rule: Rule) -> CompiledRule:
        """The rule ready to be answered."""
        found = self._compiled.get(rule.version)
        if found is None:
            found = self._compiled[rule.version] = CompiledRule.of(rule)
        return found

    def find(self, rule_id: str) -> Placed:
        """A rule by its id, whether in force or not.

        Raises
        ------
        InputRejected
            There is none.
        """
        for pack in self.packs:
            for rule in pack.rules:
                if rule.id == rule_id:
                    return Placed(pack, rule)
        raise InputRejected("rules.no_such_rule", rule=rule_id)


def read_packs(folder: Path, catalogue: FactCatalogue, *, checked: bool = True) -> tuple[Pack, ...]:
    """Every pack file of a folder, by name; a catalogue beside them is no pack."""
    return tuple(read_pack(path, catalogue, checked=checked) for path in pack_paths(folder))


def pack_paths(folder: Path) -> list[Path]:
    """The pack files of a folder, by name."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != "catalogue.yaml")


@cache
def shipped() -> Rulebook:
    """The packs in the package; read once, on first use."""
    catalogue = fact_catalogue()
    packs = read_packs(rulepacks_folder(), catalogue, checked=False)
    national = tuple(pack for pack in packs if pack.layer is Layer.NATIONAL)
    local = tuple(pack for pack in packs if pack.layer is not Layer.NATIONAL)
    return Rulebook(catalogue, national).with_layer(*local)
