/** Entry of a visit: numbers with unit and circumstances, symptoms as yes or no; refusals beside the field. */
import { t } from "/static/api.js";
import { fill, h } from "/static/dom.js";
import { instantOf, momentOf } from "/static/dates.js";

/** Circumstances taken over where nothing is chosen: a pressure measured here is an office one. */
const USUAL = { setting: "office", on: "room_air" };
/** The second number of a pair shares the circumstances of the first. */
const SHARES = { diastolic_bp: "systolic_bp" };
const OPEN = ["vitals", "danger", "laboratory"];

export class VisitEntry {
  /** `sections` as the server gives them; `onchange` is called with every change. */
  constructor(sections, onchange) {
    this.onchange = onchange;
    this.fields = new Map();
    this.sent = [];
    this.element = h("form", { class: "qp-entry", autocomplete: "off", onsubmit: (event) => event.preventDefault() },
      this.moment(), sections.filter((one) => one.facts.length).map((one) => this.section(one)));
  }

  moment() {
    this.at = h("input", { class: "qp-input", placeholder: t("ui.visit.measured_now"), maxLength: 20, dataset: { testid: "measured-at" }, onchange: () => this.onchange() });
    this.atError = h("p", { class: "qp-field-error", role: "alert", hidden: true, dataset: { testid: "error-measured-at" } });
    return h("div", {}, h("label", { class: "qp-entry-at" }, h("span", {}, t("ui.visit.measured_at")), this.at), this.atError);
  }

  section(section) {
    return h("details", { class: "qp-fold qp-entry-section", open: OPEN.includes(section.id), dataset: { section: section.id } }, h("summary", {}, t(`ui.visit.section.${section.id}`)),
      h("div", { class: section.facts.every((one) => one.kind === "yes_no") ? "qp-entry-grid qp-entry-yes" : "qp-entry-grid" }, section.facts.map((fact) => this.field(fact))));
  }

  field(fact) {
    const field = { fact, error: h("p", { class: "qp-field-error", role: "alert", hidden: true, dataset: { testid: `error-${fact.code}` } }), contexts: {} };
    this.fields.set(fact.code, field);
    const body = { number: () => this.number(field), yes_no: () => this.yesNo(field), word: () => this.word(field) }[fact.kind]();
    field.element = h("div", { class: `qp-entry-field qp-entry-${fact.kind}`, dataset: { fact: fact.code } }, body, field.error);
    return field.element;
  }

  number(field) {
    const { fact } = field;
    field.input = h("input", { type: "text", inputMode: "decimal", maxLength: 10, class: "qp-input", "aria-label": fact.name, dataset: { testid: `fact-${fact.code}` }, oninput: () => this.onchange() });
    field.unit = fact.units.length > 1 ? this.select(fact.units, `unit-${fact.code}`, t("ui.visit.unit")) : null;
    const contexts = fact.code in SHARES ? [] : Object.entries(fact.contexts);
    for (const [key, words] of contexts) field.contexts[key] = this.select(key in USUAL ? words : [{ code: "", text: t("ui.visit.choose") }, ...words], `context-${fact.code}-${key}`, t("ui.visit.circumstance"), USUAL[key]);
    return [h("label", {}, h("span", {}, fact.name), h("span", { class: "qp-entry-line" }, field.input, field.unit || h("span", { class: "qp-fine" }, fact.units.length ? fact.units[0].text : ""))), h("span", { class: "qp-entry-contexts" }, Object.values(field.contexts))];
  }

  select(options, testid, label, chosen = "") {
    const list = h("select", { class: "qp-input", "aria-label": label, dataset: { testid }, onchange: () => this.onchange() }, options.map((one) => h("option", { value: one.code }, one.text)));
    if (chosen && options.some((one) => one.code === chosen)) list.value = chosen;
    return list;
  }

  yesNo(field) {
    field.value = null;
    field.buttons = [true, false].map((value) => h("button", { type: "button", class: "qp-chip", "aria-pressed": "false", dataset: { testid: `fact-${field.fact.code}-${value ? "yes" : "no"}` }, onclick: () => { this.press(field, field.value === value ? null : value); this.onchange(); } }, t(value ? "fact.yes" : "fact.no")));
    return h("div", { class: "qp-entry-line", role: "group", "aria-label": field.fact.name }, h("span", { class: "qp-grow" }, field.fact.name), field.buttons);
  }

  press(field, value) {
    field.value = value;
    field.buttons.forEach((one, index) => one.setAttribute("aria-pressed", String(value === (index === 0))));
  }

  word(field) {
    const { fact } = field;
    field.input = fact.words.length ? this.select([{ code: "", text: t("ui.visit.choose") }, ...fact.words.map((code) => ({ code, text: code }))], `fact-${fact.code}`, fact.name)
      : h("input", { class: "qp-input", maxLength: 60, "aria-label": fact.name, dataset: { testid: `fact-${fact.code}` }, oninput: () => this.onchange() });
    return h("label", {}, h("span", {}, fact.name), field.input);
  }

  /**
   * What stands in the form, as the server takes it; what cannot be read is told at once and named by `unread`.
   * Without a typed time the server says when: the clock of this computer may be wrong.
   */
  collect() {
    const typed = momentOf(this.at.value);
    this.tellTime(typed === null ? t("ui.visit.not_a_time") : "");
    this.unread = typed === null ? [""] : [];
    const at = typed ? instantOf(typed) : null;
    const facts = [];
    this.sent = [];
    for (const [code, field] of this.fields) {
      this.tell(code, "");
      const value = this.valueOf(field);
      if (value === null) continue;
      const context = this.contextOf(code);
      this.sent.push(code);
      facts.push({ code, value, unit: this.unitOf(field), at: this.isAsStored(code) ? null : at, context });
    }
    return facts;
  }

  unitOf(field) {
    return field.unit ? field.unit.value : (field.fact.units[0] || { code: "" }).code;
  }

  /** A value as it was stored keeps its time; of a pressure both numbers are, or none. */
  isAsStored(code) {
    const pair = Object.entries(SHARES).find((one) => one.includes(code)) || [code];
    return pair.every((one) => {
      const { stored, ...field } = this.fields.get(one) || {};
      if (!field.fact) return true;
      const value = field.fact.kind === "yes_no" ? field.value : field.input.value.trim();
      return stored ? String(stored.value) === String(value) && stored.unit === this.unitOf(field) && Object.entries(field.contexts).every(([key, list]) => (stored.context[key] || "") === list.value) : value === null || value === "";
    });
  }

  valueOf(field) {
    if (field.fact.kind === "yes_no") return field.value;
    const text = field.input.value.trim().replace(/。|,|,/g, ".");
    if (!text) return null;
    if (field.fact.kind === "word") return text;
    const number = Number(text);
    if (Number.isFinite(number)) return number;
    this.tell(field.fact.code, t("ui.visit.not_a_number"));
    this.unread.push(field.fact.code);
    return null;
  }

  /** Circumstances of a number; one that decides what it means is asked for, and the number counts without it. */
  contextOf(code) {
    const field = this.fields.get(SHARES[code]) || this.fields.get(code);
    const chosen = Object.fromEntries(Object.entries(field.contexts).map(([key, list]) => [key, list.value]));
    const open = Object.entries(chosen).find(([key, value]) => !value && (key === "timing" || key === "specimen"));
    if (open) this.tell(code, t(`ui.visit.choose_${open[0]}`));
    return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value));
  }

  tellTime(text) {
    fill(this.atError, text);
    this.atError.hidden = !text;
    this.at.setAttribute("aria-invalid", String(Boolean(text)));
  }

  tell(code, text, advice = "") {
    const field = this.fields.get(code);
    fill(field.error, text, advice && h("span", { class: "qp-line" }, `→ ${advice}`));
    field.error.hidden = !text;
    if (field.input) field.input.setAttribute("aria-invalid", String(Boolean(text)));
  }

  /** Refusals of the server, each beside its field; `index` counts what was sent last. */
  showRefused(refused) {
    for (const one of refused) {
      this.tell(this.sent[one.index], one.message, one.advice);
      if (one.code === "fact.not_yet") this.tellTime(one.message);
    }
  }

  /** Put in what was stored. */
  load(facts) {
    for (const one of facts) {
      const field = this.fields.get(one.code);
      if (!field) continue;
      field.stored = one;
      if (field.fact.kind === "yes_no") this.press(field, one.value);
      else field.input.value = String(one.value);
      if (field.unit && one.unit) field.unit.value = one.unit;
      for (const [key, word] of Object.entries(one.context)) if (field.contexts[key]) field.contexts[key].value = word;
    }
  }

  /** Bring a field into view; opens its section. */
  focus(code) {
    if (!code) this.at.focus();
    const field = this.fields.get(code);
    if (!field) return;
    field.element.closest("details").open = true;
    field.element.scrollIntoView({ block: "center" });
    (field.input || field.buttons[0]).focus();
  }
}
