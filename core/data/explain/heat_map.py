"""Render a heat map as an image to overlay on the input image."""

import io

import cv2
import numpy as np
from PIL import Image

SIDE = 56


def heat_map_png(heat_map: np.ndarray) -> bytes:
    """Render a (rows, columns) uint8 heat map as a square PNG: 255 becomes bright and opaque, 0 transparent.

    Overlay it stretched over the whole image, because the network receives the image resized to a square.
    """
    smooth = cv2.resize(heat_map, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    colours = cv2.cvtColor(cv2.applyColorMap(smooth, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    content = io.BytesIO()
    Image.fromarray(np.dstack([colours, smooth])).save(content, "PNG")
    return content.getvalue()
