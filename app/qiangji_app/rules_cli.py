"""``qiangji rules``: list the rules, check packs, write their page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from qiangji_app.command_texts import both, lines
from qiangji_datasets.errors import StorageFault

if TYPE_CHECKING:
    from qiangji_app.rules.check import Fault
    from qiangji_app.rules.layers import Rulebook

#: Exit code of a check that found a fault.
FAULTY: Final = 1

rules = typer.Typer(no_args_is_help=True, help=both("rules"))


@rules.command("list", help=both("rules_list"))
def list_rules() -> None:
    """One line a rule: state, urgency, topic, id, title."""
    from qiangji_app.rules.layers import shipped

    for pack in shipped().packs:
        typer.echo(f"{pack.id}  {pack.edition}  {pack.jurisdiction}  {pack.title.zh}")
        for rule in pack.rules:
            state = "on " if rule.is_on and pack.in_use else "off"
            urgency = rule.urgency.name.lower()
            typer.echo(f"  {state} {urgency:<9} {rule.topic:<28} {rule.id}  {rule.title.zh}")


@rules.command("check", help=both("rules_check"))
def check_rules(
    path: Annotated[Path | None, typer.Argument(help=both("rules_check_path"))] = None,
) -> None:
    """Validate packs, run their cases, look for contradictions and gaps; print the coverage."""
    from qiangji_app.rules.check import check, check_files
    from qiangji_app.rules.gathering import gather, pack_files_of

    files = pack_files_of(path)
    faults = list(check_files(files))
    rulebook, unread = gather(path)
    checked = check(rulebook)
    faults += [*(fault for fault in unread if fault not in faults), *checked.faults]
    for fault in faults:
        _say(fault)
    found = checked.coverage
    numbers: dict[str, object] = {
        "packs": found.packs,
        "rules": found.rules,
        "on": found.on,
        "off": len(found.unverified),
        "retired": len(found.retired),
        "cases": found.cases,
        "used": found.facts_used,
        "facts": found.facts,
        "topics": len(found.topics),
    }
    typer.echo("\n".join(lines("rules_coverage", **numbers)))
    for rule in found.unverified:
        typer.echo(f"  待核实 {rule}")
    typer.echo("\n".join(lines("rules_faults" if faults else "rules_sound", faults=len(faults))))
    if faults:
        raise typer.Exit(FAULTY)


@rules.command("add", help=both("rules_add"))
def add_rules(
    file: Annotated[Path, typer.Argument(help=both("rules_add_file"), exists=True, dir_okay=False)],
    *,
    data: Annotated[Path, typer.Option(envvar="QIANGJI_DATA_DIR")] = Path("data/store"),
    keys: Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR")] = Path("data/keys"),
) -> None:
    """Put a pack of a province, a county or a hospital on top of the shipped ones."""
    from qiangji_app.bootstrap import install
    from qiangji_app.config import Settings
    from qiangji_app.services.rule_layers import add_layer
    from qiangji_app.storage.keys import open_keys

    settings = Settings(data_dir=data, key_dir=keys)
    if not settings.database_url and not (settings.data_dir / "qiangji.db").exists():
        raise StorageFault("audit.no_database")
    open_keys(settings.key_dir, create=False)
    installation = install(settings)
    try:
        pack = add_layer(installation.context, file)
    finally:
        installation.close()
    typer.echo("\n".join(lines("rules_added", pack=pack.id, edition=pack.edition)))


@rules.command("docs", help=both("rules_docs"))
def write_docs(
    out: Annotated[Path, typer.Option(help=both("rules_docs_out"))] = Path("docs/rules.md"),
) -> None:
    """Write the page of all rules."""
    from qiangji_app.rules.documented import rules_page

    out.write_text(rules_page(_shipped()), encoding="utf-8")
    typer.echo(str(out))


def _shipped() -> Rulebook:
    from qiangji_app.rules.layers import shipped

    return shipped()


def _say(fault: Fault) -> None:
    from qiangji_app.bootstrap import catalogue
    from qiangji_datasets.messages import Language

    texts = catalogue()
    for language in Language:
        typer.echo(texts.text(fault.code, language, **fault.params), err=True)
