"""Cache keys of exact features never change, so that caches of earlier versions are found."""

from core.data.cache.keys import frozen_feature_rows
from core.data.datasets.augmentation import AugmentedCopy
from core.experiment.run_config import Augmentation


def test_exact_features_have_the_keys_of_earlier_versions():
    unchanged = frozen_feature_rows("block_13_project", (7, 7, 160), "ab", 224, None, "float16")
    copy = frozen_feature_rows("p", (1280,), "ab", 224, AugmentedCopy(Augmentation(), 2), "float32")
    assert (unchanged.name, copy.name) == ("e22801c08d71a220422f0238", "d3f36b1440f5a793034e86e4")


def test_features_in_bfloat16_have_keys_of_their_own():
    exact, reduced = (frozen_feature_rows("p", (8,), "ab", 96, None, "float16", in_bf16) for in_bf16 in (False, True))
    assert exact.name != reduced.name and exact.shape == reduced.shape
