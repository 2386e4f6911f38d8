/** Puts the film or ECG viewer into a page: addresses, titles, prior studies, texts. */
import { labelText, language, post, textsUnder, t } from "/static/api.js";
import { fill, h, when } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";

const MODULES = { film: "/static/film_viewer.js", ecg: "/static/ecg_viewer.js" };

/**
 * Show the recordings of a case (or one of them) with its prior studies; a switch when it holds
 * both films and ECGs. The activation map stays off until asked for, and asking is audited.
 */
export async function showViewer(stage, { view, recording = null, withMap = true }) {
  const pictures = (recording ? [recording] : view.recordings).filter((one) => MODULES[one.kind]);
  if (!pictures.length) {
    fill(stage, placeholder("empty", t("ui.viewer.none")));
    return null;
  }
  const kinds = [...new Set(pictures.map((one) => one.kind))];
  const host = h("div", { class: "qp-viewer-host" });
  host.addEventListener("qj-map-viewed", (event) => audit(event.detail));
  let shown = null;
  const open = async (kind) => {
    if (shown && shown.destroy) shown.destroy();
    const { mount } = await import(MODULES[kind]);
    shown = mount(host, propsFor(kind, pictures.filter((one) => one.kind === kind), view, withMap));
    return shown;
  };
  fill(stage, kinds.length > 1 ? h("div", { class: "qp-tabs" }, kinds.map((kind) => h("button", { type: "button", class: "qp-tab", onclick: () => open(kind) }, t(`ui.viewer.${kind}`)))) : null, host);
  await open(kinds[0]);
  return { destroy: () => shown && shown.destroy && shown.destroy() };
}

function propsFor(kind, pictures, view, withMap) {
  const lang = language();
  return {
    lang, texts: { [lang]: textsUnder("viewer.") },
    items: pictures.map((one, at) => item(one.id, `${at + 1} ${one.view ? known("ui.view", one.view) : ""} ${when(one.acquired_at || one.received_at)}`.trim(), withMap ? one.map_labels : [])),
    prior: (view.prior || []).flatMap((study) => study.recordings.filter((one) => one.kind === kind).map((one) => item(one.id, when(study.acquired_at), []))),
  };
}

function item(id, title, mapLabels) {
  return { url: `/api/v1/images/${encodeURIComponent(id)}`, title, map_labels: (mapLabels || []).map((label) => ({ id: label, text: labelText(label) })) };
}

async function audit({ url, label }) {
  try {
    await post(`${url.replace("/api/v1", "")}/map-viewed`, { label });
  } catch (error) {
    console.error(error); // the look already happened; the server logs its own side of it
  }
}
