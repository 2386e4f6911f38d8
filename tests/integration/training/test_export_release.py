"""What may ship: versions that move with the content, and int8 that costs nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_datasets.errors import InputRejected  # noqa: E402 - after the skip
from qiangji_training.quantise import Int8Figures  # noqa: E402
from qiangji_training.release import new_version, whole_changelog  # noqa: E402

GOOD = Int8Figures(
    keeps_stem=False,
    n=100,
    macro_auc_fp32=0.9,
    macro_auc_int8=0.899,
    worst_label_drop=0.004,
    largest_difference=0.02,
    mean_difference=0.001,
    golden_difference=0.01,
    changed_flags=0.005,
    map_error=1e-6,
    ms_fp32=3.0,
    ms_int8=1.0,
)


def test_the_newest_entry_of_the_changelog_is_the_version() -> None:
    assert new_version({"0.9.0": "First.", "0.10.0": "Words."}, "0.9.0") == "0.10.0"


@pytest.mark.parametrize("changelog", [{}, {"0.1.0": "First."}, {"0.2.0": " "}])
def test_a_trained_version_without_an_entry_is_refused(changelog: dict[str, str]) -> None:
    with pytest.raises(InputRejected, match=r"train\.changelog_missing"):
        new_version(changelog, "0.2.0")


def test_a_version_of_another_form_is_refused() -> None:
    with pytest.raises(InputRejected, match=r"train\.version_form"):
        new_version({"v2": "First."}, "v2")


def test_earlier_entries_stay_in_the_changelog_newest_first() -> None:
    whole = whole_changelog({"0.1.0": "First."}, {"0.10.0": "Third.", "0.2.0": "Second."})

    assert list(whole.items()) == [("0.10.0", "Third."), ("0.2.0", "Second."), ("0.1.0", "First.")]


def test_an_int8_file_within_all_limits_may_ship() -> None:
    assert GOOD.faults() == ()
    assert GOOD.as_dict()["is_shipped"]


@pytest.mark.parametrize(
    ("worse", "fault"),
    [
        (replace(GOOD, macro_auc_int8=0.8969), "macro_auc"),
        (replace(GOOD, macro_auc_int8=0.9031), "macro_auc"),
        (replace(GOOD, macro_auc_int8=None), "macro_auc"),
        (replace(GOOD, worst_label_drop=0.011), "label_auc"),
        (replace(GOOD, golden_difference=0.019), "golden"),
        (replace(GOOD, map_error=0.01), "map"),
        (replace(GOOD, ms_int8=2.8), "speed"),
    ],
)
def test_an_int8_file_past_one_limit_stays_out_and_the_reason_is_named(
    worse: Int8Figures, fault: str
) -> None:
    assert worse.faults() == (fault,)
    assert not worse.as_dict()["is_shipped"]
