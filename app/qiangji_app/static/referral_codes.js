/** What may be chosen in a referral: loaded once a page, with pieces of forms made of it. */
import { get, language, query } from "/static/api.js";
import { h } from "/static/dom.js";

let loading = null;

/** Reasons, departments, transports and answers in the session's language. */
export function referralCodes() {
  loading = loading || get(query("/referral-codes", { lang: language() }));
  return loading;
}

/** A list to choose one from; `empty` is the line for none. */
export function select(options, value, { label, onchange = () => {}, empty = "", testid = "" }) {
  const list = h("select", { class: "qp-input", "aria-label": label, dataset: testid ? { testid } : {}, onchange: () => onchange(list.value) },
    empty ? h("option", { value: "", selected: !value }, empty) : null,
    options.map((one) => h("option", { value: one.id, selected: one.id === value }, one.text || one.name)));
  return list;
}

/** A field with its name above it. */
export const field = (label, control, { needed = false, hint = "" } = {}) =>
  h("label", { class: "qp-ref-field" }, h("span", {}, label, needed ? h("b", { class: "qp-ref-needed" }, " *") : null), control, hint && h("span", { class: "qp-fine" }, hint));
