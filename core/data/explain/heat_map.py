"""Where in a picture a class was found, as an image to lay over it."""

import io

import cv2
import numpy as np
from PIL import Image

SIDE = 56


def heat_png(heat: np.ndarray) -> bytes:
    """(rows, columns) uint8, 255 where most -> a square PNG, bright and opaque there, clear where there is nothing.

    It is stretched over the whole picture: the network saw the picture squeezed to a square.
    """
    smooth = cv2.resize(heat, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    colours = cv2.cvtColor(cv2.applyColorMap(smooth, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    content = io.BytesIO()
    Image.fromarray(np.dstack([colours, smooth])).save(content, "PNG")
    return content.getvalue()
