"""What trained models say of pictures, side by side."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import core
from core.analysis.models import LOOKED_AT
from core.analysis.words import count
from core.data.incoming import Content
from pages.parts.choose_models import asked_for, choose_models, show_origins
from pages.parts.dropped import drop_images, show_refused, try_test_images
from pages.parts.prediction_rows import show_row
from pages.parts.services import Services, refuse, services
from pages.parts.show import empty, offer_csv, to_csv

A_PAGE = 20


def main() -> None:
    here = services()
    st.title("Predict")
    runs = here.store.runs()
    if not core.predictable(here.store, runs, 1) and not core.predictable(here.store, asked_for(runs), 1):
        whose = "no run" if len(runs) <= LOOKED_AT else f"none of the newest {LOOKED_AT:,} runs"
        empty(f"Nothing to ask yet: {whose} has a trained model.",
              ("pages/home.py", "Train on the sample set", ":material/home:"),
              ("pages/train.py", "Set up a study", ":material/model_training:"))
        return
    _predict(here, runs)


def _predict(here: Services, runs: Sequence[core.Run]) -> None:
    dropped, contents = drop_images()
    models = choose_models(here, runs)
    if not models:
        st.markdown("Choose a model to ask.")
        return
    for model in models:
        here.assistant.prepare(model.path)
    colours = core.run_colours([model.run for model in models])
    show_origins(here, models, colours)
    tried, more = try_test_images(here, models[0])
    show_refused([*dropped, *tried])
    pictures = [item for item in [*dropped, *tried] if isinstance(item, core.Incoming)]
    if not pictures:
        st.markdown("Drop photos above: every model says what it sees in each.")
        return
    _answer(here, models, pictures, contents | more, colours)


def _answer(here: Services, models: Sequence[core.TrainedModel], pictures: Sequence[core.Incoming],
            contents: Mapping[str, Content], colours: dict[str, str]) -> None:
    """The images of this page are asked about first; the others while their rows can be looked at."""
    answers = st.session_state.setdefault("answers", core.Answers())
    answers.keep_only(picture.hash for picture in pictures)
    answers.failures.clear()
    answers.unreadable.clear()
    head = st.container(horizontal=True, vertical_alignment="center")
    asking, rows = st.empty(), st.container(gap="large")

    def ask(some: Sequence[core.Incoming]) -> None:
        _ask(here, answers, {item.hash: contents[item.hash] for item in some if item.hash in contents}, models, asking)

    with head:
        summary, download = st.empty(), st.empty()
        apart = len(models) > 1 and st.toggle("Only where they disagree", key="disagree", bind="query-params")
    if apart:
        ask(pictures)
    shown = _page_of([item for item in pictures if not apart or not core.agree(answers.about(item.hash, models))])
    ask(shown)
    with rows:
        _show_rows(shown, models, colours, answers)
    ask(pictures)
    summary.markdown(_summary(pictures, models, answers), width="content")
    with download:
        _offer_csv(pictures, models, answers)
    if answers.failures or answers.unreadable:
        with asking.container():
            _show_trouble(pictures, answers)


def _page_of(pictures: Sequence[core.Incoming]) -> Sequence[core.Incoming]:
    """The images of the page that is turned to; the widget that turns pages stands below them."""
    pages = -(-len(pictures) // A_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    return pictures[(page - 1) * A_PAGE:page * A_PAGE]


def _ask(here: Services, answers: core.Answers, contents: Mapping[str, Content],
         models: Sequence[core.TrainedModel], place: DeltaGenerator) -> None:
    """Ask what is not known yet, and say how far that is."""
    with place.container():
        bar = st.progress(0.0, f"Asking {count(len(models), 'model')}")
        for done, total in answers.ask(contents, models, here.assistant.classify):
            bar.progress(done / total, f"Asking {count(len(models), 'model')}: {done:,} of {total:,} answers")
    place.empty()


def _show_trouble(pictures: Sequence[core.Incoming], answers: core.Answers) -> None:
    """The images that went while they were asked about, and the models that failed, each with the reason."""
    show_refused([core.Refused(picture.name, answers.unreadable[picture.hash]) for picture in pictures
                  if picture.hash in answers.unreadable])
    for message in dict.fromkeys(answers.failures.values()):
        refuse(ValueError(message))


def _show_rows(shown: Sequence[core.Incoming], models: Sequence[core.TrainedModel], colours: dict[str, str],
               answers: core.Answers) -> None:
    names = core.labels([model.run for model in models])
    for picture in shown:
        show_row(picture, models, names, colours, answers)
    if not shown:
        st.markdown("They agree on every image.")


def _summary(pictures: Sequence[core.Incoming], models: Sequence[core.TrainedModel], answers: core.Answers) -> str:
    told = f"{count(len(pictures), 'image')}, {count(len(models), 'model')}"
    if len(models) < 2:
        return told
    said = [answers.about(picture.hash, models) for picture in pictures]
    alike = sum(core.agree(each) for each in said if len(each) > 1)
    return f"{told}. All agree on {alike:,}."


def _offer_csv(pictures: Sequence[core.Incoming], models: Sequence[core.TrainedModel], answers: core.Answers) -> None:
    def rows() -> str:
        return to_csv(core.prediction_rows((picture.name, model, said) for picture in pictures for model in models
                                           if (said := answers.of(picture.hash, model))))

    offer_csv(rows, "predictions.csv", "Download all answers as CSV")


main()
