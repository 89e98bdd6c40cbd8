"""The network drawn as a strip of blocks: as wide as their number of layers, and coloured where layers train."""

from html import escape

import streamlit as st

from core.backbones.backbone import Backbone
from core.backbones.layer_table import blocks

_UNTRAINED_COLOUR = "rgba(127, 127, 127, 0.22)"
_HEAD_WIDTH = 8  # in layers; wider than its six layers, so that it is visible


def show_network(base: Backbone, unfreeze: int, colour: str) -> None:
    """Draw the base from the image (left) to the head (right), with its top `unfreeze` layers in colour."""
    strip = "".join(
        _block(name, len(layers), sum(layer.depth <= unfreeze for layer in layers), colour)
        for name, layers in blocks(base)
    )
    head = _block("head", _HEAD_WIDTH, _HEAD_WIDTH, colour)
    st.html(
        f'<div role="img" aria-label="Trained: the head and {unfreeze} of {base.layers} layers of the base" '
        f'style="display:flex;gap:2px;height:18px">{strip}{head}</div>'
    )


def _block(name: str, layers: int, trained: int, colour: str) -> str:
    """Return one block as HTML, coloured from the right (the top of the network) in proportion to trained layers."""
    share = 100 * trained / layers
    title = "head: always trains" if name == "head" else f"{name}: {trained} of {layers} layers train"
    return (
        f'<div title="{escape(title)}" style="flex:{layers};border-radius:2px;background:linear-gradient('
        f'to left,{colour} {share:.0f}%,{_UNTRAINED_COLOUR} {share:.0f}%)"></div>'
    )
