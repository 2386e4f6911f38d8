/** Chooses the label that stands in the place of a hint: by a few letters, or from the list. */
import { labels, labelText, t } from "/static/api.js";
import { dialog, h } from "/static/dom.js";

/** Resolves with a label id, or null. */
export async function chooseLabel(finding) {
  const modality = (labels()[finding.label] || {}).modality;
  const known = Object.entries(labels()).filter(([id, one]) => one.is_abnormal && one.modality === modality && id !== finding.label).map(([id]) => id);
  let chosen = finding.verdict_label || "";
  const list = h("div", { class: "qp-radios qp-label-list", role: "radiogroup", "aria-label": t("ui.findings.choose"), dataset: { testid: "choose-label" } }, known.map((id) =>
    h("label", {}, h("input", { type: "radio", name: "label", value: id, checked: id === chosen, onchange: () => { chosen = id; hint.hidden = true; } }), h("span", {}, labelText(id)))));
  const hint = h("p", { class: "qp-field-error", role: "alert", hidden: true }, t("ui.findings.choose_needed"));
  const search = h("input", { type: "search", class: "qp-input", placeholder: t("ui.findings.search"), "aria-label": t("ui.findings.search"), oninput: () => narrow(list, search.value.trim()) });
  return dialog({
    title: t("ui.findings.choose_title", { label: finding.label_text }), body: h("div", {}, h("p", {}, t("ui.findings.choose_text")), search, list, hint),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "choose-yes", run: () => { hint.hidden = Boolean(chosen); return chosen || false; } }],
  });
}

function narrow(list, text) {
  const wanted = text.toLowerCase();
  for (const row of list.children) row.hidden = !row.textContent.toLowerCase().includes(wanted);
}
