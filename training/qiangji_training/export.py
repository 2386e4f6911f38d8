"""From a finished run to a sealed bundle: calibrate, ONNX with its map, golden cases, card."""

from __future__ import annotations

import json
import shutil
from datetime import date
from importlib import metadata as installed
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from qiangji_datasets.labels import label
from qiangji_models.bundle import METADATA, file_sha256, load_bundle, metadata_hash, onnx_properties
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec
from qiangji_training import calibrate
from qiangji_training.about import About, read_about
from qiangji_training.card import model_card
from qiangji_training.config import Config
from qiangji_training.golden import golden_inputs
from qiangji_training.run import Run, read_run

OPSET: Final = 18
#: Names of a network's answer; files of older bundles end after the map.
OUTPUTS: Final = ("logits", "map", "pooled")
_ONNX: Final = "models/model.onnx"
_GOLDEN: Final = "golden/cases.npz"
_CARD: Final = "docs/README.md"
_SUPERCLASSES: Final = ("norm", "mi", "sttc", "cd", "hyp")
_SCHEMA: Final = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


def export_bundle(run_folder: Path, *, about: Path, out: Path, on: date) -> Path:
    """Write a bundle and load it again.

    Parameters
    ----------
    run_folder
        A finished run.
    about
        The bundle's texts, TOML.
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
        The run is unfinished, or a label has only one class in validation.
    BundleError
        What was written does not load.
    """
    run, texts = read_run(run_folder), read_about(about)
    folder = out / run.config.name
    if folder.exists():
        shutil.rmtree(folder)
    for name in ("configs", "models", "golden", "docs"):
        (folder / name).mkdir(parents=True)
    inputs = golden_inputs(run.config.spec)
    maps = _write_golden(run.net, inputs, folder / _GOLDEN)
    metadata = _metadata(run, texts, maps.shape[2:], on)
    (folder / _CARD).write_text(model_card(texts, metadata), "utf-8")
    config = run.config
    properties = onnx_properties(config.name, config.version, metadata_hash(metadata))
    write_onnx(run.net, inputs[:1], folder / _ONNX, properties)
    metadata["qiangji"]["files"] = {
        name: file_sha256(folder / name) for name in (_CARD, _GOLDEN, _ONNX)
    }
    text = json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / METADATA).write_text(text + "\n", "utf-8")
    load_bundle(folder)
    return folder


def write_onnx(
    net: nn.Module, example: np.ndarray[Any, Any], path: Path, properties: dict[str, str]
) -> None:
    """Export a network in evaluation mode, outputs ``OUTPUTS``, batch of one."""
    import onnx

    program = torch.onnx.export(
        net.eval(),
        (torch.from_numpy(example),),
        input_names=["input"],
        output_names=list(OUTPUTS),
        opset_version=OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    for key, value in properties.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    # Notes of the exporter name source files of the machine that exported.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.initializer, *model.graph.input):
        del value.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _write_golden(net: nn.Module, inputs: np.ndarray[Any, Any], path: Path) -> np.ndarray[Any, Any]:
    with torch.inference_mode():
        logits, maps, _ = net(torch.from_numpy(inputs))
    found = maps.numpy()
    np.savez_compressed(path, input=inputs, logits=logits.numpy(), map=found)
    return np.asarray(found)


def _scored(run: Run) -> list[calibrate.Scored]:
    indexes = sorted({int(key.split("/")[0]) for key in run.scores})
    return [
        calibrate.Scored(
            name=str(run.scores[f"{index}/name"]),
            logits=run.scores[f"{index}/logits"],
            targets=run.scores[f"{index}/targets"],
            groups=run.scores[f"{index}/groups"],
            is_other_site=bool(run.scores[f"{index}/other_site"]),
        )
        for index in indexes
    ]


def _metadata(run: Run, about: About, map_shape: tuple[int, ...], on: date) -> dict[str, Any]:
    config = run.config
    valid, *tests = _scored(run)
    run_id = f"{config.name}-{config.version}"
    calibrated = calibrate.calibration(valid, run_id=run_id)
    points = {
        name: calibrate.operating_points(valid, calibrated, column, config.points, on)
        for column, name in enumerate(config.labels)
    }
    measured = [
        calibrate.results(part, calibrated, config.labels, points, _label_groups(config))
        for part in tests
    ]
    ours = {
        "schema_version": 1,
        "name": config.name,
        "modality": "ecg" if isinstance(config.spec, EcgSpec) else "cxr",
        "labels": list(config.labels),
        "preprocessing": config.spec.steps(),
        "calibration": {
            "id": calibrated.id,
            "data_set": calibrated.data_set,
            "n": calibrated.n,
            "scale": dict(zip(config.labels, calibrated.scale.tolist(), strict=True)),
            "offset": dict(zip(config.labels, calibrated.offset.tolist(), strict=True)),
        },
        "operating_points": points,
        "age_range_years": list(config.age_range_years),
        "sexes": ["M", "F", "O"],
        "exclusions": [{"zh": row.zh, "en": row.en} for row in about.exclusions],
        "intended_use_zh": about.intended_use_zh,
        "intended_use_en": about.intended_use_en,
        "models": {"fp32": _ONNX},
        "golden": {"cases": _GOLDEN, "fp32_tolerance": 1e-3, "int8_tolerance": 0.02},
        "map": {"shape": list(map_shape)},
        "results": measured,
        "run": run.manifest,
    }
    whole = {**_monai(config, about, measured, map_shape), "qiangji": ours}
    plain: dict[str, Any] = json.loads(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    return plain


def _label_groups(config: Config) -> dict[str, tuple[str, ...]]:
    if set(_SUPERCLASSES) <= set(config.labels):
        return {"all labels": config.labels, "five superclasses": _SUPERCLASSES}
    findings = tuple(name for name in config.labels if label(name).is_abnormal)
    if findings == config.labels:
        return {"all labels": config.labels}
    return {"all labels": config.labels, "findings": findings}


def _monai(
    config: Config, about: About, measured: list[dict[str, Any]], map_shape: tuple[int, ...]
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
        "version": config.version,
        "changelog": {config.version: about.changelog},
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
            "inputs": {"input": _input_format(config.spec)},
            "outputs": {
                "logits": _output_format("probabilities", len(config.labels), ()),
                "map": _output_format("image", len(config.labels), map_shape),
            },
        },
    }


def _input_format(spec: EcgSpec | FilmSpec) -> dict[str, Any]:
    is_ecg = isinstance(spec, EcgSpec)
    return {
        "type": "series" if is_ecg else "image",
        "format": "z-score per lead" if is_ecg else "z-score per picture",
        "num_channels": 12 if is_ecg else 1,
        "spatial_shape": [spec.samples] if isinstance(spec, EcgSpec) else [spec.rows, spec.cols],
        "dtype": "float32",
        "value_range": [-20.0, 20.0],
        "is_patch_data": False,
        "channel_def": {"0": "lead I, then II to V6 in standard order" if is_ecg else "film"},
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
        "channel_def": {"0": "one channel a label, in the order of label_classes"},
    }
