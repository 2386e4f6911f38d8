"""The command ``qiangji probe``: does a bundle's network carry the hospital?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qiangji_inference.cli_edge import edge, progress, shown, text, wanted_bundles
from qiangji_inference.labelled import read_labelled
from qiangji_inference.probe import SAMPLE, probe
from qiangji_inference.sites import read_sites
from qiangji_models.bundle import load_bundle


def probe_command(
    *,
    bundle_name: Annotated[str, typer.Option("--bundle", help=text("cli.evaluate_bundle"))],
    sites: Annotated[Path, typer.Option(help=text("cli.probe_sites"))],
    sample: Annotated[int, typer.Option(min=10, help=text("cli.probe_sample"))] = SAMPLE,
    json_path: Annotated[Path | None, typer.Option("--json", help=text("cli.json"))] = None,
) -> None:
    """Tell sites apart by the network's features on normal recordings."""
    with edge():
        (folder,) = wanted_bundles(bundle_name).values()
        modality = load_bundle(folder).modality
        named = read_sites(sites)
        rows = [row for site in named for row in read_labelled(site.labelled, modality)]
        total = sum(min(sample, sum(row.site == s.name for row in rows)) for s in named)
        with progress("evaluate.reading", total) as advance:
            found = probe(folder, rows, sample=sample, on_read=advance)
        typer.echo(text("probe.head", bundle=found.bundle, features=found.features))
        for site in found.sites:
            others = sum(found.n.values()) - site.n
            auc = shown(site.auc)
            typer.echo(text("probe.line", site=site.site, n=site.n, others=others, auc=auc))
        typer.echo(text("probe.note"))
        if json_path is not None:
            content = json.dumps(found.as_dict(), ensure_ascii=False, indent=2, allow_nan=False)
            json_path.write_text(content + "\n", "utf-8")


probe_command.__doc__ = text("cli.probe")  # what --help shows, in the user's language
