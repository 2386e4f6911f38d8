"""Commands ``qiangji train`` and ``qiangji export``; present where the extra train is installed."""

from __future__ import annotations

import importlib.util
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

if importlib.util.find_spec("torch") is None:
    # The command line leaves out a group whose extra is absent; looking costs no import of torch.
    raise ModuleNotFoundError("the extra 'train' is not installed", name="torch")


def train(
    config: Annotated[Path, typer.Argument(help="训练配置 TOML / training configuration, TOML")],
    data: Annotated[Path, typer.Option(help="公开数据文件夹 / folder of the public sets")],
    out: Annotated[Path, typer.Option(help="运行记录文件夹 / folder of runs")] = Path("runs"),
) -> None:
    """训练一个模型 / Train a model; resumes a run that was interrupted."""
    from qiangji_training.run import train as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    typer.echo(str(run(config, data=data, out=out)))


def export(
    run: Annotated[Path, typer.Argument(help="训练运行文件夹 / folder of a finished run")],
    about: Annotated[Path, typer.Option(help="模型说明 TOML / texts of the bundle, TOML")],
    out: Annotated[Path, typer.Option(help="模型包文件夹 / folder of bundles")],
) -> None:
    """导出模型包 / Export a finished run as a sealed bundle."""
    from qiangji_training.export import export_bundle

    today = datetime.now(UTC).date()
    typer.echo(str(export_bundle(run, about=about, out=out, on=today)))
