"""The film and ECG viewers mounted bare; the product mounts them from its own pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import gradio as gr

from qiangji_datasets.messages import Catalogue, Language

#: Folder to be served under ``STATIC_URL``; it holds the viewers' scripts and style sheet.
STATIC_FOLDER: Final = Path(str(resources.files("qiangji_app").joinpath("static")))
STATIC_URL: Final = "/static"

_PREFIX: Final = "viewer."
#: Why a value could not be measured; the inference package has the words, viewers see ``why.…``.
_REASONS: Final = "ecg.why."
_HOST: Final = '<div class="qj-host"></div>'
_HOST_CSS: Final = ".qj-host { width: 100%; min-height: 200px; }"
#: The quoted names are events of the component: ``viewer.measure(fn)``, ``viewer.map_viewed(fn)``.
_START: Final = """
const host = element.querySelector('.qj-host');
const wanted = () => ({ ...(props.value || {}), texts: props.texts });
import('SCRIPT').then((viewer) => {
  viewer.mount(host, wanted());
  watch('value', () => host.qjViewer.update(wanted()));
}).catch((fault) => {
  console.error(fault);
  const lang = (props.value || {}).lang || 'zh';
  host.textContent = props.texts[lang].module_failed;
});
host.addEventListener('qj-measure', (event) => trigger('measure', event.detail));
host.addEventListener('qj-map-viewed', (event) => trigger('map_viewed', event.detail));
"""


@dataclass(frozen=True)
class MapLabel:
    """A label whose activation map can be asked for: its id and its name in words."""

    id: str
    text: str


@dataclass(frozen=True)
class ViewerItem:
    """One film or recording to be shown.

    Parameters
    ----------
    url
        Address of the image in our own API without trailing slash, ``/api/v1/images/{id}``; the
        viewer adds ``/film`` and ``/pixels``, or ``/ecg`` and ``/samples``, and ``/map``.
    title
        Words for tabs and lists of priors, without the patient's identity.
    map_labels
        Labels with a map; empty hides the control, as for people who may not see AI hints.
    """

    url: str
    title: str
    map_labels: tuple[MapLabel, ...] = ()


def viewer_value(
    items: Sequence[ViewerItem],
    *,
    prior: Sequence[ViewerItem] = (),
    language: Language = Language.ZH,
) -> dict[str, Any]:  # Any: JSON for the component
    """Value of a viewer component; a changed value makes it load the new items.

    Parameters
    ----------
    items
        What is to be read; the first is shown, several get tabs.
    prior
        Earlier recordings of the same person, offered beside the current one.
    language
        Language of all words in the viewer.
    """
    return {
        "lang": language.value,
        "items": [_plain(item) for item in items],
        "prior": [_plain(item) for item in prior],
    }


def viewer_texts(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """All words of both viewers: language to key (without ``viewer.``) to text.

    Parameters
    ----------
    catalogue
        Texts of ``qiangji_app`` and, for the reasons of values not measured, of
        ``qiangji_inference``.
    """
    names = {key: key.removeprefix(_PREFIX) for key in catalogue.entries if key.startswith(_PREFIX)}
    for key in catalogue.entries:
        if key.startswith(_REASONS):
            names[key] = "why." + key.removeprefix(_REASONS)
    return {
        language.value: {
            name: catalogue.entries[key][language.value] for key, name in names.items()
        }
        for language in Language
    }


def film_viewer(
    catalogue: Catalogue,
    *,
    value: dict[str, Any] | None = None,  # Any: see viewer_value
    elem_id: str = "film-viewer",
    visible: bool = True,
) -> gr.HTML:
    """Viewer of chest films; give it ``viewer_value(...)`` as its value.

    Its events ``measure`` and ``map_viewed`` carry the details in ``gr.EventData``:
    ``{kind: "length" | "ctr" | "cleared", url, value, unit, text, warning, measures, …}``, where
    ``measures`` lists all that stand on the film now, and ``{url, label}``.
    """
    return _viewer("film_viewer.js", catalogue, value=value, elem_id=elem_id, visible=visible)


def ecg_viewer(
    catalogue: Catalogue,
    *,
    value: dict[str, Any] | None = None,  # Any: see viewer_value
    elem_id: str = "ecg-viewer",
    visible: bool = True,
) -> gr.HTML:
    """Viewer of 12-lead ECGs; give it ``viewer_value(...)`` as its value.

    Its events ``measure`` and ``map_viewed`` carry the details in ``gr.EventData``:
    ``{kind: "caliper" | "cleared", url, lead, ms, mv, filtered, text, …}`` and ``{url, label}``.
    """
    return _viewer("ecg_viewer.js", catalogue, value=value, elem_id=elem_id, visible=visible)


def _viewer(
    script: str,
    catalogue: Catalogue,
    *,
    value: dict[str, Any] | None,
    elem_id: str,
    visible: bool,
) -> gr.HTML:
    return gr.HTML(
        value or viewer_value([]),
        html_template=_HOST,
        css_template=_HOST_CSS,
        js_on_load=_START.replace("SCRIPT", f"{STATIC_URL}/{script}"),
        apply_default_css=False,
        elem_id=elem_id,
        visible=visible,
        padding=False,
        texts=viewer_texts(catalogue),
    )


def _plain(item: ViewerItem) -> dict[str, Any]:
    labels = [{"id": label.id, "text": label.text} for label in item.map_labels]
    return {"url": item.url, "title": item.title, "map_labels": labels}


def mount_script(script: str, target: str, props: dict[str, Any]) -> str:
    """Module script that starts a viewer in a plain page, without Gradio.

    Parameters
    ----------
    script
        ``film_viewer.js`` or ``ecg_viewer.js``.
    target
        CSS selector of the element.
    props
        ``viewer_value(...)`` with ``texts=viewer_texts(...)`` added.
    """
    words = json.dumps(props, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f"import {{ mount }} from '{STATIC_URL}/{script}';\n"
        f"mount(document.querySelector({json.dumps(target)}), {words});"
    )
