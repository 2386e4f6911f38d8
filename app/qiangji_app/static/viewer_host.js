/** Puts the film or ECG viewer into a page: addresses, titles, prior studies, texts. */
import { labelText, language, textsUnder, t } from "/static/api.js";
import { fill, h, when } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";

const MODULES = { film: "/static/film_viewer.js", ecg: "/static/ecg_viewer.js" };

/**
 * Show the recordings of a case (or one of them) with its prior studies; a switch when it holds
 * both films and ECGs. The activation map stays off until asked for; the server writes each look down.
 */
export async function showViewer(stage, { view, recording = null, withMap = true }) {
  const pictures = (recording ? [recording] : view.recordings).filter((one) => MODULES[one.kind]);
  if (!pictures.length) {
    fill(stage, placeholder("empty", t("ui.viewer.none")));
    return null;
  }
  const kinds = [...new Set(pictures.map((one) => one.kind))];
  const host = h("div", { class: "qp-viewer-host" });
  let shown = null;
  const open = async (kind) => {
    if (shown && shown.destroy) shown.destroy();
    shown = null;
    tabs.forEach((tab) => tab.setAttribute("aria-selected", String(tab.dataset.kind === kind)));
    fill(host, placeholder("loading", t("viewer.opening")));
    const module = await load(kind);
    if (!module) {
      fill(host, placeholder("error", t("viewer.module_failed"), h("button", { type: "button", class: "qp-btn", onclick: () => open(kind) }, t("viewer.retry"))));
      return null;
    }
    fill(host);
    shown = module.mount(host, propsFor(kind, pictures.filter((one) => one.kind === kind), view, withMap));
    return shown;
  };
  const tabs = kinds.length > 1 ? kinds.map((kind) => h("button", { type: "button", class: "qp-tab", dataset: { kind }, onclick: () => open(kind) }, t(`ui.viewer.${kind}`))) : [];
  fill(stage, tabs.length ? h("div", { class: "qp-tabs" }, tabs) : null, host);
  await open(kinds[0]);
  return { destroy: () => shown && shown.destroy && shown.destroy() };
}

/** The viewer's script, or null when the line failed. */
async function load(kind) {
  try {
    return await import(MODULES[kind]);
  } catch (error) {
    console.error(error);
    return null;
  }
}

function propsFor(kind, pictures, view, withMap) {
  const lang = language();
  const whose = owner(view.patient);
  const identity = `${whose} · ${view.short_id}`;
  return {
    lang, texts: { [lang]: textsUnder("viewer.") },
    items: pictures.map((one, at) => item(one.id, identity, `${at + 1} ${one.view ? known("ui.view", one.view) : ""} ${when(one.acquired_at || one.received_at)}`.trim(), withMap ? one.map_labels : [])),
    prior: (view.prior || []).flatMap((study) => study.recordings.filter((one) => one.kind === kind).map((one) => otherItem(one, study, view))),
  };
}

/** Another study of the same person, named as later where it is; the age of today does not belong on it. */
function otherItem(one, study, view) {
  const at = study.examined_at ? when(study.examined_at) : study.examined_on || t("ui.sign.date_unknown", { at: when(study.created_at) });
  const label = study.is_later ? t("viewer.later", { at }) : at;
  return { ...item(one.id, `${owner({ ...view.patient, age_text: "" })} · ${at}`, label, []), is_later: study.is_later };
}

/** Name, sex, age as they stand on the picture itself. */
function owner({ name, sex, age_text: age }) {
  return [name || t("ui.person.unnamed"), sex && known("ui.sex", sex), age].filter(Boolean).join(" ");
}

/** Names the bundle only where two bundles know the same label. */
function mapText(one, all) {
  const isShared = all.some((other) => other.label === one.label && other.bundle !== one.bundle);
  return isShared ? `${labelText(one.label)} (${one.bundle})` : labelText(one.label);
}

/** `title` is drawn on the picture, `label` names it in tabs and lists. */
function item(id, title, label, mapLabels) {
  return { url: `/api/v1/images/${encodeURIComponent(id)}`, title, label, map_labels: (mapLabels || []).map((one, _, all) => ({ id: one.id, text: mapText(one, all) })) };
}
