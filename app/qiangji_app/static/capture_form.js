/** The request form: who the patient is and why the examination is asked for. */
import { t } from "/static/api.js";
import { button, fill, h } from "/static/dom.js";
import { isPending, known } from "/static/parts.js";
import { AGE_UNITS, ageAsTyped, ageContradicts, ageFrom, ageInYears, problemsOf } from "/static/capture_checks.js";
import { differenceTable } from "/static/identity_reasons.js";
import { dayOf, instantOf, momentAt, momentOf } from "/static/dates.js";
import { readIdNumber } from "/static/id_number.js";

const EMPTY = {
  kind: "known", name: "", id_number: "", birth_date: "", age_years: "", age_unit: "years", sex: "", phone: "", patient_id: "",
  visit_number: "", requested: "routine", onset_at: "", symptom: "", history: "",
};
/** Fields whose words are turned into a day or a moment: the browser's own would follow its language. */
const CALENDAR = { birth_date: dayOf, onset_at: momentOf };
/** Words of the symptoms for which the request asks whether it is routine. */
const CHEST_PAIN = /胸痛|胸闷|心前区|心绞痛|chest pain/i;
const PERSON = ["name", "id_number", "birth_date", "age_years", "sex", "phone", "patient_id"];

export class RequestForm {
  /** Values of the form from a case of the server. */
  static fromView({ patient, clinical }) {
    const values = { ...EMPTY, kind: patient.kind || "known", requested: clinical.requested || "routine" };
    for (const key of PERSON) values[key] = patient[key] === null || patient[key] === undefined ? "" : String(patient[key]);
    for (const key of ["visit_number", "symptom", "history"]) values[key] = clinical[key] || "";
    const stated = patient.stated_age_years;
    Object.assign(values, ageAsTyped(values.birth_date ? null : stated));
    values.onset_at = clinical.onset_at ? momentAt(clinical.onset_at) : "";
    return values;
  }

  constructor({ values, onchange, onidentity }) {
    this.values = { ...EMPTY, ...(values || {}) };
    this.onchange = onchange;
    this.onidentity = onidentity;
    this.inputs = {};
    this.taken = {}; // what an identity number filled in, until a person says otherwise
    this.element = h("form", { class: "qp-form", autocomplete: "off", onsubmit: (event) => event.preventDefault() });
    this.build();
    this.show();
    this.check();
  }

  build() {
    this.errors = {};
    this.mismatch = h("div", { class: "qp-wide-field" });
    this.duplicates = h("div", { class: "qp-wide-field" });
    this.fileFacts = h("div", { class: "qp-wide-field" });
    this.proposal = h("div", { class: "qp-wide-field", role: "status" });
    fill(this.element,
      this.segments("requested", ["emergency", "chest_pain", "routine"], "ui.requested", "ui.form.requested"),
      this.segments("kind", ["known", "emergency"], "ui.kind", "ui.form.kind"),
      this.field("name", { maxLength: 64, required: true }), this.field("id_number", { maxLength: 18, inputMode: "text" }),
      this.segments("sex", ["M", "F"], "ui.sex", "ui.form.sex"),
      this.dated("birth_date", "ui.common.day_form", { maxLength: 12, inputMode: "numeric" }), this.ageField(),
      this.fileFacts, this.mismatch, this.duplicates,
      this.field("phone", { type: "tel", maxLength: 32 }), this.field("visit_number", { maxLength: 64 }), this.field("patient_id", { maxLength: 64 }),
      this.dated("onset_at", "ui.form.onset_form", { maxLength: 20, title: t("ui.form.onset_title") }),
      this.field("symptom", { area: true }), this.proposal, this.field("history", { area: true }));
  }

  field(name, { area = false, ...props } = {}) {
    const input = h(area ? "textarea" : "input", {
      class: "qp-input", name, ...(area ? { rows: 2, maxLength: 2000 } : { type: "text", ...props }), dataset: { testid: `form-${name}` },
      oninput: () => this.typed(name, name in CALENDAR ? CALENDAR[name](input.value) || "" : input.value), onblur: () => this.check(),
    });
    this.inputs[name] = input;
    this.errorOf(name);
    const required = name === "name" ? h("span", { class: "qp-required", "aria-hidden": "true" }, " *") : null;
    const label = h("label", {}, h("span", {}, t(`ui.form.${name}`), required), input, this.errors[name]);
    label.dataset.field = name;
    return label;
  }

  /** A day or a moment, kept once it is whole and written out when the line is left. */
  dated(name, form, props) {
    const label = this.field(name, { placeholder: t(form), autocomplete: "off", ...props });
    this.inputs[name].addEventListener("blur", () => this.show());
    return label;
  }

  /** True where something is typed that is no number, day or moment. */
  isUnreadable(name) {
    const input = this.inputs[name];
    return name in CALENDAR ? CALENDAR[name](input.value) === null : input.validity.badInput;
  }

  /** Age as number and unit: infants are told in months or days. */
  ageField() {
    const label = this.field("age_years", { type: "number", step: "any", inputMode: "decimal" });
    this.unit = h("select", { class: "qp-input", name: "age_unit", "aria-label": t("ui.form.age_unit"), dataset: { testid: "form-age_unit" }, onchange: () => this.typed("age_unit", this.unit.value) },
      Object.keys(AGE_UNITS).map((unit) => h("option", { value: unit }, t(`ui.age_unit.${unit}`))));
    const both = h("span", { class: "qp-age" });
    this.inputs.age_years.replaceWith(both);
    both.append(this.inputs.age_years, this.unit);
    return label;
  }

  /** The line below a field that says what is wrong with it. */
  errorOf(name) {
    const error = h("span", { class: "qp-field-error", id: `qp-error-${name}`, hidden: true, role: "alert" });
    this.errors[name] = error;
    this.inputs[name].setAttribute("aria-describedby", error.id);
    return error;
  }

  segments(name, values, prefix, title) {
    const group = h("div", { class: "qp-segments", role: "radiogroup", "aria-label": t(title) }, values.map((value) =>
      h("button", { type: "button", role: "radio", class: `qp-segment qp-segment-${value}`, dataset: { value, testid: `form-${name}-${value}` }, onclick: () => this.typed(name, value) }, t(`${prefix}.${value}`))));
    group.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = (values.indexOf(this.values[name]) + step + values.length) % values.length;
      this.typed(name, values[at]);
      group.children[at].focus();
    });
    this.inputs[name] = group;
    this.errorOf(name);
    const box = h("div", {}, h("span", { class: "qp-label" }, t(title)), group, this.errors[name]);
    box.dataset.field = name;
    return box;
  }

  typed(name, value) {
    this.values[name] = value;
    if (name === "kind" && value === "emergency" && !this.values.name) {
      this.values.name = t("ui.form.unknown_name");
      this.values.patient_id = this.values.patient_id || temporaryNumber();
    }
    delete this.taken[name];
    if (name === "id_number" || ((name === "birth_date" || name === "age_years") && !value)) this.readNumber();
    if (name === "birth_date" && value) this.values.age_years = "";
    this.show(name);
    this.check({ typing: name });
    this.onchange(this.values);
  }

  /** Fill in what the number says where nobody said otherwise; what a person chose stays, marked by `check`. */
  readNumber() {
    const facts = this.values.kind === "known" ? readIdNumber(this.values.id_number) : null;
    if (!facts) return;
    for (const [name, value] of Object.entries(facts)) {
      const isFree = !this.values[name] || this.values[name] === this.taken[name];
      if (!isFree || (name === "birth_date" && ageContradicts(this.values, facts))) continue;
      this.values[name] = this.taken[name] = value;
      if (name === "birth_date") this.values.age_years = "";
    }
  }

  /** Mark what is wrong at its field, at once; true when nothing is. */
  check({ typing = "", isFinal = false } = {}) {
    const bad = ["birth_date", "age_years", "onset_at"].filter((name) => this.isUnreadable(name));
    const found = problemsOf(this.values, { typing, bad });
    if (isFinal || this.isChecked) {
      this.isChecked = true;
      if (!this.values.name.trim()) found.name = t("ui.form.name_needed");
      if (!this.values.sex && this.values.kind !== "emergency") found.sex = t("ui.form.sex_needed");
    }
    for (const name of Object.keys(this.errors)) this.complain(name, found[name] || "");
    return Object.keys(found).length === 0;
  }

  complain(name, text) {
    const error = this.errors[name];
    if (error.textContent !== text) error.textContent = text;
    error.hidden = !text;
    this.inputs[name].setAttribute("aria-invalid", String(Boolean(text)));
  }

  show(except = "") {
    for (const [name, input] of Object.entries(this.inputs)) {
      if (input.matches("input, textarea")) {
        if (name !== except && (this.values[name] || !this.isUnreadable(name))) input.value = name in CALENDAR ? this.values[name].replace("T", " ") : this.values[name];
        continue;
      }
      for (const choice of input.children) {
        const on = choice.dataset.value === this.values[name];
        choice.setAttribute("aria-checked", String(on));
        choice.tabIndex = on || (!this.values[name] && choice === input.firstChild) ? 0 : -1;
      }
    }
    this.propose();
    const unknown = this.values.kind === "emergency";
    this.element.querySelector('[data-field="id_number"]').hidden = unknown;
    const reckoned = this.values.birth_date ? ageFrom(this.values.birth_date) : null;
    this.inputs.age_years.disabled = this.unit.disabled = Boolean(this.values.birth_date);
    this.inputs.age_years.placeholder = reckoned ? reckoned.age_years : "";
    this.unit.value = (reckoned || this.values).age_unit;
    this.element.querySelector('[data-field="onset_at"]').classList.toggle("qp-asked", this.values.requested !== "routine" && !this.values.onset_at);
  }

  /** Chest pain among the symptoms of a routine request: proposed, a person decides. */
  propose() {
    const asks = this.values.requested === "routine" && CHEST_PAIN.test(this.values.symptom);
    if (asks === this.isProposed) return;
    this.isProposed = asks;
    fill(this.proposal, asks ? h("p", { class: "qp-card qp-card-warn", dataset: { testid: "propose-chest-pain" } }, t("ui.form.propose_chest_pain"), " ",
      button(t("ui.requested.chest_pain"), () => this.typed("requested", "chest_pain"), { testid: "take-chest-pain" })) : null);
  }

  /** First field that keeps the case from going up, marked, with what is wrong; null when none. */
  firstProblem() {
    if (this.check({ isFinal: true })) return null;
    const wrong = Object.keys(this.errors).find((name) => !this.errors[name].hidden);
    const input = this.inputs[wrong];
    return { text: this.errors[wrong].textContent, focus: () => (input.matches("input, textarea") ? input : input.querySelector('[tabindex="0"]')).focus() };
  }

  /** True when somebody is named and nothing typed is wrong. */
  isWorthSaving() {
    return Boolean(this.values.name.trim()) && this.isSound();
  }

  /** True when somebody wrote anything about the patient. */
  isTyped() {
    return [...PERSON, "visit_number", "onset_at", "symptom", "history"].some((name) => String(this.values[name] || "").trim());
  }

  isSound() {
    return Object.keys(problemsOf(this.values)).length === 0;
  }

  request() {
    const v = this.values;
    const known = v.kind === "known";
    return {
      patient: {
        name: v.name.trim(), kind: v.kind, id_number: known ? v.id_number.trim().toUpperCase() : "", birth_date: v.birth_date || null,
        age_years: v.birth_date ? null : ageInYears(v), sex: v.sex, phone: v.phone.trim(), issuer: "", patient_id: v.patient_id.trim(),
      },
      clinical: {
        requested: v.requested, onset_at: v.onset_at ? instantOf(v.onset_at) : null,
        symptom: v.symptom.trim(), history: v.history.trim(), visit_number: v.visit_number.trim(),
      },
    };
  }

  /** Person chosen from the duplicates, empty for a new one. */
  get personId() {
    return this.chosen || "";
  }

  /** Possible duplicates and differences to the files, as the server answered the saved form. */
  showAnswer({ duplicates = [], mismatches = [], differences = [] }) {
    const open = differences.filter((one) => !one.is_answered);
    fill(this.mismatch, open.length ? h("section", { class: "qp-card qp-card-refuse", dataset: { testid: "mismatch-card" } }, h("b", {}, t("ui.capture.mismatch")),
      differenceTable(mismatches, open), button(t("ui.capture.mismatch_confirm"), () => this.onidentity([...new Set(open.map((one) => one.field))], open), { testid: "confirm-identity" })) : null);
    if (!duplicates.length) {
      fill(this.duplicates);
      return;
    }
    const pick = (id) => { this.chosen = id; mark(); };
    const rows = duplicates.map((one) => h("button", { type: "button", class: "qp-duplicate", dataset: { person: one.person_id }, onclick: () => pick(this.chosen === one.person_id ? "" : one.person_id) },
      [one.name_masked, one.sex && known("ui.sex", one.sex), one.birth_year, one.site && (one.site.name || one.site), one.reason_text].filter(Boolean).join(" · ")));
    const mark = () => rows.forEach((row) => row.setAttribute("aria-pressed", String(row.dataset.person === this.chosen)));
    mark();
    fill(this.duplicates, h("section", { class: "qp-card qp-card-warn", dataset: { testid: "duplicates" } }, h("b", {}, t("ui.form.duplicate")), h("p", {}, t("ui.form.duplicate_text")), rows));
  }

  /** Ask for the age where none is stated and the AI, done with the files, read none of them. */
  showFileFacts(view) {
    const stated = this.values.birth_date || this.values.age_years !== "";
    const settled = view.recordings.filter((one) => !isPending(one));
    const asked = !stated && settled.length > 0 && settled.length === view.recordings.length && !settled.some((one) => one.ai_status === "done");
    fill(this.fileFacts, asked ? h("p", { class: "qp-card qp-card-warn", dataset: { testid: "age-asked" } }, t("ui.form.age_asked")) : null);
  }
}

/** `JZ` and the moment: a number for a patient nobody knows yet. */
function temporaryNumber(now = new Date()) {
  const digits = (n) => String(n).padStart(2, "0");
  return `JZ${now.getFullYear()}${digits(now.getMonth() + 1)}${digits(now.getDate())}${digits(now.getHours())}${digits(now.getMinutes())}${digits(now.getSeconds())}`;
}
