"""Networks: shapes, exact maps, and nothing that leaks between recordings."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_models.nets.ecg import EcgNet  # noqa: E402 - after the skip
from qiangji_models.nets.film import FilmNet  # noqa: E402
from qiangji_models.nets.pooled import Ensemble, PooledHead  # noqa: E402


def _ecg_net() -> EcgNet:
    return EcgNet(9, width=8, kernel=7, dropout=0.1).eval()


def _film_net() -> FilmNet:
    return FilmNet(4, width=8, depth=1, dropout=0.2).eval()


def test_an_ecg_map_cell_stands_for_at_most_160_ms() -> None:
    logits, parts, pooled = _ecg_net()(torch.randn(2, 12, 1000))

    assert logits.shape == (2, 9)
    assert parts.shape == (2, 9, 125)
    assert pooled.shape == (2, 24)


def test_a_film_map_has_at_least_fourteen_cells_a_side() -> None:
    logits, parts, pooled = _film_net()(torch.randn(2, 1, 112, 112))

    assert logits.shape == (2, 4)
    assert parts.shape == (2, 4, 14, 14)
    assert pooled.shape == (2, 64)


@pytest.mark.parametrize(
    ("net", "shape"), [(_ecg_net(), (2, 12, 1000)), (_film_net(), (2, 1, 112, 112))]
)
def test_the_mean_of_the_map_plus_bias_is_the_logit(
    net: torch.nn.Module, shape: tuple[int, ...]
) -> None:
    with torch.inference_mode():
        logits, parts, _ = net(torch.randn(*shape))
        explained = parts.flatten(2).mean(dim=2) + net.head.bias

    assert torch.allclose(logits, explained, atol=1e-5)


def test_training_and_evaluation_share_the_head_when_nothing_is_dropped() -> None:
    head, features = PooledHead(6, 3, 0.0), torch.randn(2, 6, 5, 5)

    trained = head.train()(features)[0]
    evaluated = head.eval()(features)[0]

    assert torch.allclose(trained, evaluated, atol=1e-5)


def test_a_recording_s_answer_does_not_depend_on_its_batch() -> None:
    net, batch = _ecg_net(), torch.randn(3, 12, 1000)

    with torch.inference_mode():
        together, alone = net(batch)[0][1], net(batch[1:2])[0][0]

    assert torch.allclose(together, alone, atol=1e-4)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    members, batch = [_ecg_net(), _ecg_net()], torch.randn(1, 12, 1000)

    with torch.inference_mode():
        logits, parts, pooled = Ensemble(members)(batch)
        each = [member(batch) for member in members]

    assert torch.allclose(logits, (each[0][0] + each[1][0]) / 2, atol=1e-6)
    assert torch.allclose(parts, (each[0][1] + each[1][1]) / 2, atol=1e-6)
    assert torch.equal(pooled, torch.cat([each[0][2], each[1][2]], dim=1))


def test_an_ensemble_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([])
