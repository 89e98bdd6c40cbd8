"""A model to take along: its file, what it needs to be used, an example that does, and its card, in one ZIP."""

import io
import json
import zipfile
from typing import Any, Final

from core.analysis.results.model_card import model_card
from core.analysis.results.trained_models import ModelError, trained_model
from core.experiment.export_formats import FORMATS, ExportedFile, ExportFormat, exported
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore

_LITERT: Final = """
from ai_edge_litert.interpreter import Interpreter

model = Interpreter("{file}")
model.allocate_tensors()
entry, exit = model.get_input_details()[0], model.get_output_details()[0]
model.set_tensor(entry["index"], pixels.astype(entry["dtype"]))
model.invoke()
probabilities = model.get_tensor(exit["index"])[0]
"""
_ONNX: Final = """
import onnxruntime

probabilities = onnxruntime.InferenceSession("{file}").run(None, {{"pixels": pixels}})[0][0]
"""
_KERAS: Final = """
import keras

probabilities = keras.models.load_model("{file}").predict(pixels, verbose=0)[0]
"""
_MODELS: Final = {"keras": _KERAS, "onnx": _ONNX, "litert": _LITERT, "litert-float16": _LITERT, "litert-int8": _LITERT}

_EXAMPLE: Final = '''"""What the model says of a picture: python example.py photo.jpg

Needs: pip install numpy pillow {packages}
"""
import json, sys
import numpy as np
from PIL import Image, ImageOps

about = json.load(open("model.json", encoding="utf-8"))
picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGBA")
picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
pixels = np.asarray(picture.resize([about["image_size"]] * 2, Image.Resampling.BILINEAR))[None]
{model}
honest = np.maximum(probabilities, 1e-12) ** (1 / about["temperature"])
for share, name in sorted(zip(honest / honest.sum(), about["classes"]), reverse=True)[:3]:
    print(f"{{share:6.1%}}  {{name}}")
'''


def exported_files(store: RunStore, run: Run) -> list[ExportedFile]:
    """What was exported of a run's model as it is now, in the order of the formats. Raises `NoSuchRun`."""
    folder = store.path(run.id)
    return [found for form in FORMATS.values() if (found := exported(form, folder))]


def bundle(store: RunStore, run: Run, form: ExportFormat) -> bytes:
    """The exported file with `model.json`, `example.py` and its card as `README.md`.

    Raises `ModelError` where the file is gone or not of the model as it is now, `NoSuchRun`.
    """
    path, content = form.path(store.path(run.id)), io.BytesIO()
    noted = exported(form, store.path(run.id))
    if noted is None:
        raise ModelError(f"Expected {form.file} of the model as it is now; received none. Make it again.")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, form.file)
        archive.writestr("model.json", json.dumps(_about(store, run), indent=1, ensure_ascii=False))
        archive.writestr("example.py", example(form))
        archive.writestr("README.md", model_card(store, run, noted))
    return content.getvalue()


def example(form: ExportFormat) -> str:
    """A few lines of Python that run the file in this format on a picture."""
    model = _MODELS[form.name].format(file=form.file).strip()
    return _EXAMPLE.format(packages=" ".join(form.packages), model=f"\n{model}\n")


def _about(store: RunStore, run: Run) -> dict[str, Any]:
    model = trained_model(store, run)
    return {
        "run": run.id,
        "classes": model.classes,
        "image_size": model.image_size,
        "colours": "RGB, 0 to 255",
        "resize": "the whole picture, upright, on white where it is transparent, squeezed to the square, bilinear",
        "temperature": model.temperature or 1.0,
    }
