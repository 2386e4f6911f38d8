"""From a finished run to a sealed bundle: calibrate, ONNX with its map, golden cases, card."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib import metadata as installed
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.labels import label
from qiangji_inference.predict import open_model
from qiangji_models.bundle import (
    METADATA,
    Calibration,
    file_sha256,
    load_bundle,
    metadata_hash,
    onnx_properties,
)
from qiangji_training import calibrate, parity, tasks
from qiangji_training.about import About, read_about
from qiangji_training.card import model_card
from qiangji_training.card_baselines import with_baselines
from qiangji_training.config import Config
from qiangji_training.golden import write_golden
from qiangji_training.kinds import kind_of
from qiangji_training.onnx_file import as_shipped, put_properties, store_as_half, write_onnx
from qiangji_training.quantise import Int8Figures, Judges, quantised
from qiangji_training.release import check_release, new_version, read_metadata, whole_changelog
from qiangji_training.run import Run, read_run
from qiangji_training.scope import Fixed, fit_scope

_ONNX: Final = "models/model.onnx"
_INT8: Final = "models/model_int8.onnx"
_GOLDEN: Final = "golden/cases.npz"
_CARD: Final = "docs/README.md"
_SCHEMA: Final = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


@dataclass(frozen=True)
class _Release:
    """What the networks' files say of themselves."""

    version: str
    changelog: dict[str, str]
    map_shape: tuple[int, ...]
    channels: int
    checks: dict[str, Any]  # Any: JSON
    has_int8: bool
    doubt: dict[str, Any]  # Any: JSON


@dataclass(frozen=True, eq=False)
class _Judged:
    """Calibration and operating points, fixed on validation, and what they give elsewhere."""

    calibrated: Calibration
    points: dict[str, dict[str, dict[str, Any]]]  # Any: JSON
    measured: list[dict[str, Any]]

    @property
    def thresholds(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(points, labels)."""
        return np.array(
            [
                [pair[kind]["threshold"] for pair in self.points.values()]
                for kind in ("sensitive", "specific")
            ]
        )


def export_bundle(run_folder: Path, *, about: Path, data: Path, out: Path, on: date) -> Path:
    """Write a bundle, prove it as the service does, and only then put it in its place.

    Parameters
    ----------
    run_folder
        A finished run.
    about
        The bundle's texts, TOML; or a folder of such files, each named like its bundle.
    data
        Folder of the public sets: parity and int8 are judged on the run's validation part.
    out
        Folder of bundles; an older bundle of this name there is replaced.
    on
        Date that operating points carry.

    Returns
    -------
        The bundle's folder.

    Raises
    ------
    InputRejected
        The run is unfinished, a label has only one class in validation, torch and ONNX Runtime
        differ, the data are not those of the run, or the content changed under a version that was
        already given out.
    BundleError
        What was written does not load or does not reproduce its golden cases.
    """
    run = read_run(run_folder)
    run = replace(run, manifest=with_baselines(run.manifest, run_folder))
    texts = read_about(about / f"{run.config.name}.toml" if about.is_dir() else about)
    target = out / run.config.name
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as staging:
        folder = Path(staging) / run.config.name
        task = _task(run.config, data)
        earlier = read_metadata(target).get("changelog", {})
        _write(folder, run, texts, task, earlier=earlier, on=on)
        open_model(load_bundle(folder))
        check_release(target, folder)
        # Aside first, so that a crash in between leaves both.
        if target.exists():
            target.rename(Path(staging) / "earlier")
        folder.rename(target)
    return target


def _task(config: Config, data: Path) -> tasks.Task:
    try:
        return tasks.build(config, data)
    except FileNotFoundError as error:
        missing = Path(error.filename or data).name
        raise InputRejected("train.data_missing", file=missing, folder=str(data)) from error


def _write(
    folder: Path,
    run: Run,
    texts: About,
    task: tasks.Task,
    *,
    earlier: dict[str, str],
    on: date,
) -> None:
    for name in ("configs", "models", "golden", "docs"):
        (folder / name).mkdir(parents=True)
    changelog = {change.version: change.text for change in texts.changelog}
    version = new_version(changelog, run.config.version)
    judged = _judged(run, version, on)
    net = as_shipped(run.net)
    golden = write_golden(net, run.config.spec, folder / _GOLDEN)
    checks, int8 = _networks(folder, run, net, task.valid, judged, golden=golden)
    map_shape, channels = _shapes(net, golden[:1])
    in_service = parity.session(folder / (_ONNX if int8.faults() else _INT8))
    doubt = fit_scope(
        run.config,
        task,
        Fixed(run.parts[0], judged.calibrated, judged.points),
        lambda inputs: parity.answers(in_service, inputs)[2],
        folder,
    )
    release = _Release(
        version=version,
        changelog=whole_changelog(earlier, changelog),
        map_shape=map_shape,
        channels=channels,
        checks=checks,
        has_int8=not int8.faults(),
        doubt=doubt,
    )
    _seal(folder, _metadata(run, texts, release, judged), texts)


def _networks(
    folder: Path,
    run: Run,
    net: nn.Module,
    valid: tasks.Part,
    judged: _Judged,
    *,
    golden: np.ndarray[Any, np.dtype[np.float32]],
) -> tuple[dict[str, Any], Int8Figures]:
    """Write the network's files and check them on real inputs."""
    plain, fp32 = folder.parent / "plain.onnx", folder / _ONNX
    write_onnx(net, valid.inputs[:1], plain)
    shutil.copyfile(plain, fp32)
    store_as_half(fp32)
    found = parity.check_parity(net, fp32, valid.inputs, data_set=valid.name)
    logits = parity.answers(parity.session(fp32), valid.inputs)[0]
    rounding = parity.check_scores(logits, run.scores["0/logits"])
    judges = Judges(
        inputs=valid.inputs,
        targets=valid.targets,
        golden=golden,
        calibration=judged.calibrated,
        thresholds=judged.thresholds,
    )
    int8 = quantised(plain, folder / _INT8, judges)
    rounded = {"weights": "float16", "largest_logit_change": rounding}
    checks = {"parity": asdict(found), "rounding": rounded, "int8": int8.as_dict()}
    return checks, int8


def _shapes(net: nn.Module, example: np.ndarray[Any, Any]) -> tuple[tuple[int, ...], int]:
    """Shape of the map of one label, and number of pooled channels."""
    with torch.inference_mode():
        _, maps, pooled = net(torch.from_numpy(example))
    return tuple(maps.shape[2:]), int(pooled.shape[1])


def _seal(folder: Path, metadata: dict[str, Any], texts: About) -> None:
    """Card, names inside the networks, and the hashes of all files, in this order."""
    (folder / _CARD).write_text(model_card(texts, metadata), "utf-8")
    name, version = metadata["qiangji"]["name"], metadata["version"]
    properties = onnx_properties(name, version, metadata_hash(metadata))
    for file in metadata["qiangji"]["models"].values():
        put_properties(folder / file, properties)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    metadata["qiangji"]["files"] = {
        path.relative_to(folder).as_posix(): file_sha256(path) for path in files
    }
    text = json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / METADATA).write_text(text + "\n", "utf-8")


def _judged(run: Run, version: str, on: date) -> _Judged:
    config = run.config
    valid, *tests = run.parts
    calibrated = calibrate.calibration(valid, run_id=f"{config.name}-{version}")
    points = {
        name: calibrate.operating_points(valid, calibrated, column, config.points, on)
        for column, name in enumerate(config.labels)
    }
    measured = [
        calibrate.results(
            part, calibrated, config.labels, points, calibrate.label_groups(config.labels)
        )
        for part in tests
    ]
    return _Judged(calibrated, points, measured)


def _metadata(run: Run, about: About, release: _Release, judged: _Judged) -> dict[str, Any]:
    config, calibrated = run.config, judged.calibrated
    models = {"fp32": _ONNX, **({"int8": _INT8} if release.has_int8 else {})}
    ours = {
        "schema_version": 1,
        "name": config.name,
        "modality": kind_of(config.spec).modality.value,
        "labels": list(config.labels),
        "preprocessing": config.spec.steps(),
        "calibration": {
            "id": calibrated.id,
            "data_set": calibrated.data_set,
            "n": calibrated.n,
            "scale": dict(zip(config.labels, calibrated.scale.tolist(), strict=True)),
            "offset": dict(zip(config.labels, calibrated.offset.tolist(), strict=True)),
        },
        "operating_points": judged.points,
        "age_range_years": list(config.age_range_years),
        "sexes": list(about.sexes),
        **({"views": list(about.views)} if about.views else {}),
        "exclusions": [{"zh": row.zh, "en": row.en} for row in about.exclusions],
        "intended_use_zh": about.intended_use_zh,
        "intended_use_en": about.intended_use_en,
        "models": models,
        "golden": {"cases": _GOLDEN, "fp32_tolerance": 1e-3, "int8_tolerance": 0.02},
        "map": {"shape": list(release.map_shape)},
        "checks": release.checks,
        "results": judged.measured,
        "uncertainty": release.doubt,
        "run": run.manifest,
    }
    whole = {**_monai(config, about, release, judged.measured), "qiangji": ours}
    plain: dict[str, Any] = json.loads(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    return plain


def _monai(
    config: Config, about: About, release: _Release, measured: list[dict[str, Any]]
) -> dict[str, Any]:
    """The fields of MONAI's own metadata schema."""
    classes = ", ".join(f"{name}: {label(name).en}" for name in config.labels)
    macro = {
        f"macro AUC, {row['data_set']}": row["macro_auc"]["all labels"]["value"]
        for row in measured
        if row["macro_auc"]["all labels"]["value"] is not None
    }
    return {
        "schema": _SCHEMA,
        "version": release.version,
        "changelog": release.changelog,
        "monai_version": installed.version("monai"),
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"onnxruntime": installed.version("onnxruntime")},
        "optional_packages_version": {},
        "task": about.task,
        "description": about.description,
        "authors": "Qiangji maintainers",
        "copyright": "Qiangji maintainers, Apache-2.0",
        "data_source": about.data_source,
        "data_type": "array",
        "label_classes": classes,
        "pred_classes": classes,
        "eval_metrics": macro,
        "intended_use": f"{about.intended_use_zh} / {about.intended_use_en}",
        "references": list(about.references),
        "network_data_format": {
            "inputs": {"input": kind_of(config.spec).monai_input(config.spec)},
            "outputs": {
                "logits": _output_format("probabilities", len(config.labels), ()),
                "map": _output_format("image", len(config.labels), release.map_shape),
                "pooled": _output_format("hidden", release.channels, ()),
            },
        },
    }


def _output_format(kind: str, channels: int, shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "type": kind,
        "format": "logits",
        "num_channels": channels,
        "spatial_shape": list(shape),
        "dtype": "float32",
        "value_range": [-20.0, 20.0],
        "is_patch_data": False,
        "channel_def": {"0": "first channel"}
        if kind == "hidden"
        else {"0": "one channel a label, in the order of label_classes"},
    }
