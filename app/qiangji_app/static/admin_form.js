/** A form in a dialog: fields by name, the server's refusal beside them. */
import { ApiError, t } from "/static/api.js";
import { dialog, h } from "/static/dom.js";

/** A labelled line. `hint` stands below it. */
export function line(text, input, hint = "") {
  return h("label", {}, h("span", {}, text), input, hint && h("span", { class: "qp-fine qp-line" }, hint));
}

/** A text input by its test id. */
export function text(name, value = "", props = {}) {
  return h("input", { class: "qp-input", value, dataset: { testid: `field-${name}` }, ...props });
}

/** A choice: `options` are [value, text]. */
export function choice(name, options, value) {
  return h("select", { class: "qp-input", dataset: { testid: `field-${name}` } }, options.map(([key, words]) => h("option", { value: key, selected: key === value }, words)));
}

/** Boxes to tick; `chosen()` of the result gives the ticked values. */
export function boxes(name, options, chosen) {
  const element = h("div", { class: "qp-boxes" }, options.map(([value, words, hint]) => h("label", { class: "qp-check", title: hint || "" },
    h("input", { type: "checkbox", value, checked: chosen.includes(value), dataset: { testid: `${name}-${value}` } }), h("span", {}, words))));
  return { element, chosen: () => [...element.querySelectorAll("input:checked")].map((one) => one.value) };
}

/** Open a form; `missing` says what is not filled in yet, `send` posts it and gives what the caller wants. Resolves with that, or null. */
export async function formDialog({ title, fields, yes, kind = "primary", missing = () => "", send }) {
  const wrong = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const run = async () => {
    wrong.textContent = missing();
    wrong.hidden = !wrong.textContent;
    if (!wrong.hidden) return false;
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 0) throw error;
      wrong.textContent = [error.message, error.advice].filter(Boolean).join(" ");
      wrong.hidden = false;
      return false;
    }
  };
  return dialog({ title, testid: "admin-form", body: h("div", { class: "qp-plain-form" }, fields, wrong),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: yes, kind, testid: "form-yes", run }] });
}
