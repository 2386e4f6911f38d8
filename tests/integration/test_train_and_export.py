"""From a public set on disk to a sealed bundle that ONNX Runtime answers for, in small."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.reduced_sets import tiny_ecg_config, write_ludb, write_ptbxl

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # wfdb's use of pandas
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # inside torch's own exporter
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

from qiangji_datasets.errors import InputRejected  # noqa: E402 - after the skip
from qiangji_models.bundle import METADATA, Bundle, check_onnx_metadata, load_bundle  # noqa: E402
from qiangji_training.export import export_bundle  # noqa: E402
from qiangji_training.onnx_file import as_shipped  # noqa: E402
from qiangji_training.run import read_run, train  # noqa: E402

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
#: ONNX Runtime and torch add in another order; measured 1e-7.
PARITY = 1e-4


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the shipped ECG recipe on little synthetic data."""
    root = tmp_path_factory.mktemp("train")
    write_ptbxl(root / "data" / "ecg" / "ptbxl_part", 240)
    write_ludb(root / "data" / "ecg" / "ludb", 6)
    config = tiny_ecg_config(root / "ecg-12lead.toml", epochs="1", members="2")
    return train(config, data=root / "data", out=root / "runs")


@pytest.fixture(scope="module")
def bundle(run_folder: Path) -> Bundle:
    """The bundle of that run, loaded."""
    about = CONFIGS / "about" / "ecg-12lead.toml"
    folder = export_bundle(
        run_folder,
        about=about,
        data=run_folder.parents[1] / "data",
        out=run_folder.parent / "bundles",
        on=date(2026, 1, 31),
    )
    return load_bundle(folder)


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(bundle.onnx_fp32), providers=["CPUExecutionProvider"])


def test_the_manifest_says_what_the_run_depended_on(run_folder: Path) -> None:
    manifest = read_run(run_folder).manifest

    assert manifest["config"]["fit"]["epochs"] == 1
    assert set(manifest["data_sha256"]) == {"ptbxl_part/labels.csv", "ptbxl_part/signals.npz"}
    assert manifest["left_out"] == {}
    assert manifest["n"] == {"train": 192, "PTB-XL fold 9": 24, "LUDB": 6, "PTB-XL fold 10": 24}
    assert manifest["parameters"] > 1000


def test_a_run_with_another_configuration_is_not_continued(
    run_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    text = (run_folder / "config.toml").read_text("utf-8")
    other.write_text(text.replace("seed = 7", "seed = 8"), "utf-8")

    with pytest.raises(InputRejected, match=r"train\.run_other_config"):
        train(other, data=run_folder.parents[1] / "data", out=run_folder.parent)


def test_an_unfinished_run_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"train\.run_unfinished"):
        read_run(tmp_path)


def test_the_bundle_loads_and_its_weights_belong_to_it(bundle: Bundle) -> None:
    check_onnx_metadata(bundle, _session(bundle).get_modelmeta().custom_metadata_map)

    assert bundle.name == "ecg-12lead"
    assert bundle.map_shape == (125,)
    assert not bundle.accepts_age(17)


def test_onnx_and_torch_agree_on_logits_and_map(bundle: Bundle, run_folder: Path) -> None:
    session, net = _session(bundle), as_shipped(read_run(run_folder).net)
    rng = np.random.default_rng(5)

    for _ in range(3):
        tensor = rng.normal(0, 1, (1, 12, 1000)).astype(np.float32)
        answer = session.run(["logits", "map", "pooled"], {"input": tensor})
        with torch.inference_mode():
            expected = net(torch.from_numpy(tensor))
        for found, wanted in zip(answer, expected, strict=True):
            assert np.abs(found - wanted.numpy()).max() < PARITY


def test_the_golden_cases_are_reproduced(bundle: Bundle) -> None:
    session = _session(bundle)

    with np.load(bundle.golden) as stored:
        for tensor, logits, parts in zip(
            stored["input"], stored["logits"], stored["map"], strict=True
        ):
            found = session.run(None, {"input": tensor[None]})
            assert np.abs(found[0][0] - logits).max() < PARITY
            assert np.abs(found[1][0] - parts).max() < PARITY


def test_the_network_file_names_no_path_of_the_machine_that_made_it(bundle: Bundle) -> None:
    content = bundle.onnx_fp32.read_bytes()

    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"site-packages" not in content


def test_the_card_puts_the_other_site_first(bundle: Bundle) -> None:
    card = bundle.card.read_text("utf-8")

    assert 0 < card.index("### LUDB (another site)") < card.index("### PTB-XL fold 10")
    assert "18 岁以下" in card


def test_monai_accepts_the_metadata(bundle: Bundle, shared_data: Path) -> None:
    from jsonschema import Draft201909Validator

    schema = json.loads((shared_data / "monai_bundle_meta_schema.json").read_text("utf-8"))
    metadata = json.loads((bundle.folder / METADATA).read_text("utf-8"))

    Draft201909Validator(schema).validate(metadata)
