"""Pack an exported model with its classes, an example script and a model card into one ZIP."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from core.analysis.results.ensemble import AnyModel
from core.analysis.results.model_card import model_card
from core.analysis.results.trained_models import ModelError, trained_model
from core.data.datasets.images import decode
from core.data.datasets.images.scales import whites_of
from core.experiment.export_formats import FORMATS, PACKAGES, ExportedFile, ExportFormat, load_exported_file
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore

_LITERT: Final = """
from ai_edge_litert.interpreter import Interpreter

model = Interpreter(str(FOLDER / "{file}"))
model.allocate_tensors()
input_details, output_details = model.get_input_details()[0], model.get_output_details()[0]
model.set_tensor(input_details["index"], pixels.astype(input_details["dtype"]))
model.invoke()
probabilities = model.get_tensor(output_details["index"])[0]
"""
_ONNX: Final = """
import onnxruntime

probabilities = onnxruntime.InferenceSession(FOLDER / "{file}").run(None, {{"pixels": pixels}})[0][0]
"""
_KERAS: Final = """
import keras

probabilities = keras.models.load_model(FOLDER / "{file}").predict(pixels, verbose=0)[0]
"""
_RUN_MODEL: Final = {"keras": _KERAS, "onnx": _ONNX, "litert": _LITERT}
"""By runtime of the format."""

_EXAMPLE: Final = '''"""Classify images with the exported model: python example.py photo.jpg [more.jpg ...]

Required packages: pip install numpy pillow {packages}
In addition, pillow-heif reads HEIC, and opencv-python-headless 16-bit colours.
"""
import json, sys
from pathlib import Path
import numpy as np
from decode import load_image

FOLDER = Path(__file__).parent
info = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))


def predict(pixels):
{model}
    return probabilities


if not sys.argv[1:]:
    sys.exit("Expected the path of an image: python example.py photo.jpg")
for photo in sys.argv[1:]:
    try:
        pixels = load_image(Path(photo), info["image_size"], info["white"])[None]
    except (OSError, ValueError) as error:
        sys.exit(f"Expected an image; received {{photo}}: {{error}}")
    scaled = np.maximum(predict(pixels), 1e-12) ** (1 / info["temperature"])  # temperature scaling
    print(photo)
    for probability, name in sorted(zip(scaled / scaled.sum(), info["classes"]), reverse=True)[:3]:
        print(f"{{probability:6.1%}}  {{name}}")
'''


def exported_files(store: RunStore, run: Run) -> list[ExportedFile]:
    """Files exported from the present version of a run's model, in the order of the formats. Raises `NoSuchRun`."""
    folder = store.path(run.id)
    return [found for form in FORMATS.values() if (found := load_exported_file(form, folder))]


def bundle(store: RunStore, run: Run, form: ExportFormat) -> bytes:
    """Pack the exported file with `model.json`, `example.py` and the model card as `README.md`.

    `decode.py` is this project's own, so that the example reads images as in training.

    Raises `ModelError` if the file is missing or was exported from another version of the model, and `NoSuchRun`.
    """
    path = form.path(store.path(run.id))
    file = load_exported_file(form, store.path(run.id))
    if file is None:
        raise ModelError(f"Expected {form.file} of the present model; received none. Export it again.")
    model = trained_model(store, run)
    info = {"run": run.id, **model_info(model), "temperature": model.temperature or 1.0}
    return pack(path, form, info, model_card(store, run, file))


def pack(path: Path, form: ExportFormat, info: Mapping[str, Any], card: str) -> bytes:
    """Pack an exported file with the content of `model.json` and a model card. Raises `OSError`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, form.file)
        archive.writestr("model.json", json.dumps(info, indent=1, ensure_ascii=False))
        archive.writestr("example.py", example(form))
        archive.writestr("decode.py", Path(decode.__file__).read_text(encoding="utf-8"))
        archive.writestr("README.md", card)
    return content.getvalue()


def example(form: ExportFormat) -> str:
    """Python script that classifies an image with a file of this format."""
    model = _RUN_MODEL[form.runtime].format(file=form.file).strip()
    return _EXAMPLE.format(packages=" ".join(PACKAGES[form.runtime]), model=indent(model, "    "))


def model_info(model: AnyModel) -> dict[str, Any]:
    """How to prepare images for a model, and its classes."""
    return {
        "classes": model.classes,
        "image_size": model.image_size,
        "colours": "RGB, 0 to 255",
        "resize": "whole image, upright, transparent pixels on white, resized to the square (bilinear, not cropped)",
        "white": whites_of(model.scales),
    }
