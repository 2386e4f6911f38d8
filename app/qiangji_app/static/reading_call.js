/** What a critical call says: its kind and the words, in its own dialog and beside a signature. */
import { t } from "/static/api.js";
import { h } from "/static/dom.js";
import { modalitiesOf } from "/static/parts.js";

const CALL_CODES = {
  cxr: ["tension_pneumothorax", "massive_effusion", "pulmonary_edema", "aortic_dissection", "free_air", "tube_position", "other"],
  ecg: ["stemi", "vt_vf", "complete_av_block", "extreme_bradycardia", "long_pause", "hyperkalaemia", "other"],
};

/** Codes for every kind of examination that the case holds, "other" last. */
export function codesOf(table, view) {
  const found = modalitiesOf(view).flatMap((one) => table[one] || []);
  return [...new Set([...(found.length ? found : table.cxr).filter((code) => code !== "other"), "other"])];
}

/** One radio button a code; the texts stand under `prefix`. */
export function choice(name, codes, prefix) {
  return h("div", { class: "qp-radios", role: "radiogroup" }, codes.map((code) =>
    h("label", {}, h("input", { type: "radio", name, value: code, dataset: { testid: `${name}-${code}` } }), h("span", {}, t(`${prefix}.${code}`)))));
}

/** The chosen code; empty where nobody chose one. */
export function chosen(group) {
  const one = group.querySelector("input:checked");
  return one ? one.value : "";
}

/** A line for what is missing; `refuse` shows it and keeps the dialog open. */
export function missing(codes) {
  const hint = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  codes.addEventListener("change", () => { hint.hidden = true; });
  const refuse = (text) => { hint.textContent = text; hint.hidden = false; return false; };
  return { hint, refuse };
}

export class CallFields {
  /** `text` stands in the words at first. */
  constructor(view, { text = "" } = {}) {
    this.codes = choice("call", codesOf(CALL_CODES, view), "ui.call.code");
    this.area = h("textarea", { rows: 3, class: "qp-input", value: text, "aria-label": t("ui.call.text"), placeholder: t("ui.call.text"), dataset: { testid: "call-text" } });
    const { hint, refuse } = missing(this.codes);
    this.refuse = refuse;
    this.element = h("div", {}, this.codes, this.area, hint);
  }

  /** The kind and the words; false, with the reason shown, where one is missing. */
  read() {
    const code = chosen(this.codes);
    if (!code) return this.refuse(t("ui.call.code_needed"));
    const text = this.area.value.trim() || (code === "other" ? "" : t(`ui.call.code.${code}`));
    return text ? { code, text } : this.refuse(t("ui.call.text_needed"));
  }
}
