"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) as data."""

from pathlib import Path

from core.backbones.backbone import Backbone, DepthRange, SampleWeights

BACKBONE = Backbone(
    name="mobilenet-v2",
    title="MobileNetV2",
    network="keras.applications:MobileNetV2",
    layers=154,
    block=r"block_\d+|expanded_conv",
    width_argument="alpha",
    widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    sweep_depths=(0, 11, 20, 30, 56, 100, 154),  # all but 30 are block boundaries
    depth_ranges=(DepthRange(4_999, 10, 20), DepthRange(10_000, 20, 40), DepthRange(float("inf"), 40, 80)),
    weights_url="https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{size}_no_top.h5",
    sample=SampleWeights(Path(__file__).with_name("sample_weights.npz"), width=0.35, image_size=96),
)
