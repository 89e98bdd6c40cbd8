"""Pack the exported file of an ensemble with its classes, an example script and a model card into one ZIP."""

from core.analysis.ensembles.held_out_accuracy import HeldOutPredictions, held_out_predictions
from core.analysis.results.bundle import model_info, pack
from core.analysis.results.ensemble import Ensemble
from core.analysis.results.evaluation_file import describe_accuracy, evaluation_figures
from core.analysis.results.model_card import (
    COMMON_LIMITATIONS,
    bullets,
    card_table,
    card_text,
    describe_file,
    describe_network,
    describe_usage,
    write_card,
)
from core.analysis.results.settings import data_name, setting_tables
from core.analysis.results.trained_models import ModelError
from core.experiment.export_formats import ENSEMBLE_FORMAT, ExportedFile, load_exported_file
from core.experiment.runs.run_store import RunStore


def exported_ensemble(store: RunStore, ensemble: Ensemble) -> ExportedFile | None:
    """The measurements of the file with the present models; None if there is none. Raises `NoSuchRun`."""
    return load_exported_file(ENSEMBLE_FORMAT, *(store.path(member.run.id) for member in ensemble.members))


def ensemble_bundle(store: RunStore, ensemble: Ensemble) -> bytes:
    """Pack the exported file as `bundle` does. Raises `ModelError` if it is missing or of other models, `NoSuchRun`."""
    file = exported_ensemble(store, ensemble)
    if file is None:
        raise ModelError(f"Expected {ENSEMBLE_FORMAT.file} of the present models; received none. Export it again.")
    runs = [member.run.id for member in ensemble.members]
    info = {"runs": runs, **model_info(ensemble), "temperature": 1.0}  # the file contains the temperatures
    path = ENSEMBLE_FORMAT.path(store.path(ensemble.run.id))
    return pack(path, ENSEMBLE_FORMAT, info, ensemble_card(store, ensemble, file))


def ensemble_card(store: RunStore, ensemble: Ensemble, file: ExportedFile) -> str:
    """Write the model card of an exported ensemble, in the form of `model_card`. Raises `NoSuchRun`."""
    run, held_out, name = ensemble.run, held_out_predictions(store, ensemble), data_name(ensemble.run.config.data)
    ((_, settings),) = setting_tables([member.run for member in ensemble.members]).items()
    parts = [
        f"# {ensemble.title}: {card_text(name)}",
        f"{describe_network(run, ensemble.classes)} It is the mean of the calibrated probabilities of "
        f"{len(ensemble.members)} models, trained with Transfer Learning Lab with different seeds.",
        "## Evaluation",
        _evaluation(store, ensemble, held_out),
        "## Training data",
        f"{card_text(name)}. The images may be divided into training, validation and test images in another way for "
        "each seed.",
        "## Training procedure",
        card_table(("Setting", "Value"), list(settings.items())),
        "## Usage",
        f"{describe_usage(run, None)} The probabilities are calibrated.",
        "## Exported file",
        describe_file(file),
        "## Limitations",
        bullets(COMMON_LIMITATIONS),
    ]
    return write_card(run, ensemble.id, file, {"accuracy": held_out.accuracy}, parts)


def _evaluation(store: RunStore, ensemble: Ensemble, held_out: HeldOutPredictions) -> str:
    members = [
        (member.run.id, describe_accuracy(evaluation_figures(store.evaluation(member.run.id))))
        for member in ensemble.members
    ]
    table = card_table(("Run", "Accuracy of this model on its own test images"), members)
    return f"Test accuracy of the mean: {held_out.describe()}.\n\n{table}"
