"""The test images on which models disagree, or which all get wrong."""

from pathlib import Path, PurePosixPath

import streamlit as st

from core.analysis.comparison.disputes import Answer, Dispute, Disputes, disputes, mistaken_pairs
from core.analysis.text import count, escape_markdown, percent, shorten
from core.data.datasets.thumbnails import thumbnail
from core.experiment.runs.run import AnyRun
from pages.parts.shared.services import Services
from pages.parts.shared.show import name_in_html

_A_PAGE, _WIDTH = 8, 120
_DISAGREE, _ALL_WRONG, _EVERY = "Models disagree", "All are wrong", "Any"
_CELLS = "display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:8px 24px"


def show_disputes(services: Services, runs: list[AnyRun], names: dict[str, str], colours: dict[str, str]) -> None:
    """Choose which images, see them with what each model said."""
    found = disputes(services.store, runs)
    if not found.runs:
        st.markdown("What models said of each test image is not known of these runs.")
        return
    shown = _choose(found, names)
    _say_left_out(len(runs) - len(found.runs))
    if not shown:
        st.markdown("There is no such image.")
        return
    pages = -(-len(shown) // _A_PAGE)
    page = st.pagination(pages, key="disputes-page") if pages > 1 else 1
    for one in shown[(page - 1) * _A_PAGE : page * _A_PAGE]:
        _show(one, found, names, colours)


def _choose(found: Disputes, names: dict[str, str]) -> list[Dispute]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Images",
            [_DISAGREE, _ALL_WRONG],
            default=_DISAGREE,
            required=True,
            key="disputed",
            bind="query-params",
            on_change=_first_page,
        )
        some = found.all_wrong if which == _ALL_WRONG else found.disagreed
        pairs = {
            f"{label} taken for {named} ({images})": (label, named) for (label, named), images in mistaken_pairs(some)
        }
        pair = pairs.get(st.selectbox("Mistake", [_EVERY, *pairs], key="mistake", on_change=_first_page, width=320))
        alone = {f"Only {names[run_id]}": run_id for run_id in dict.fromkeys(one.only_right for one in some) if run_id}
        right = alone.get(st.selectbox("Right", [_EVERY, *alone], key="only-right", on_change=_first_page, width=320))
    shown = [one for one in some if (pair is None or pair in one.mistakes) and right in (None, one.only_right)]
    st.caption(f"{count(len(shown), 'test image')}, the surest mistakes first.")
    return shown


def _first_page() -> None:
    st.session_state["disputes-page"] = 1


def _say_left_out(others: int) -> None:
    if others:
        st.caption(f"{count(others, 'run')} with other test images, or without answers to each, left out.")


def _show(one: Dispute, found: Disputes, names: dict[str, str], colours: dict[str, str]) -> None:
    look, said = st.columns([1, 4], vertical_alignment="center")
    name = PurePosixPath(one.path).name
    if found.root:
        look.image(
            _thumbnail(str(found.root / one.path)), escape_markdown(shorten(name, 16)), width=_WIDTH, alt=shorten(name)
        )
    else:
        look.caption(escape_markdown(shorten(name, 30)))
    cells = "".join(_cell(answer, names[run_id], colours[run_id]) for run_id, answer in one.answers.items())
    said.html(f"<div>Is <b>{name_in_html(one.label)}</b></div><div style='{_CELLS}'>{cells}</div>")


def _cell(answer: Answer, name: str, colour: str) -> str:
    sure = f" {percent(answer.confidence)}" if answer.confidence is not None else ""
    mark = "right" if answer.is_right else "wrong"
    return (
        f'<div><span style="color:{colour}">■</span> {name_in_html(shorten(name, 34))}<br>'
        f"{name_in_html(shorten(answer.named, 28))}{sure}, {mark}</div>"
    )


@st.cache_data(ttl=600, max_entries=2_000, show_spinner=False)
def _thumbnail(file: str) -> bytes:
    return thumbnail(Path(file))
