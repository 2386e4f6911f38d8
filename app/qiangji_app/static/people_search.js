/** Finding a patient, or putting down a new one, to begin a visit. */
import { newId, post, t } from "/static/api.js";
import { button, debounce, dialog, fill, guarded, h } from "/static/dom.js";
import { dayInput } from "/static/dates.js";
import { readIdNumber } from "/static/id_number.js";
import { known, personLine, placeholder, SEARCH_MS } from "/static/parts.js";

export class PeopleSearch {
  constructor(go) {
    this.go = go;
    this.list = h("div", { class: "qp-case-list", role: "list" });
    this.text = h("input", { type: "search", class: "qp-input", placeholder: t("ui.visit.search"), "aria-label": t("ui.visit.search"), dataset: { testid: "people-search" } });
    this.text.addEventListener("input", debounce(() => this.load(), SEARCH_MS));
    this.element = h("section", {},
      h("div", { class: "qp-row qp-filter" }, h("h1", {}, t("ui.visit.people")), this.text, h("span", { class: "qp-grow" }), button(t("ui.visit.new_person"), () => this.add(), { kind: "primary", testid: "new-person" })), this.list);
  }

  async load() {
    const asked = this.text.value.trim();
    this.asked = asked;
    const { items } = await post("/patients/search", { q: asked });
    if (this.asked !== asked) return;
    fill(this.list, items.length ? items.map((one) => this.row(one)) : placeholder("empty", t(asked ? "ui.visit.nobody_found" : "ui.visit.nobody_yet")));
  }

  row(one) {
    const facts = [one.site.name, one.birth_date, one.id_ending && t("ui.visit.id_ending", { n: one.id_ending }), one.phone].filter(Boolean);
    return h("div", { class: "qp-person-row", role: "listitem", dataset: { testid: "person-row" } },
      h("button", { type: "button", class: "qp-plain", onclick: () => this.go({ person: one.person_id }) }, personLine(one), h("span", { class: "qp-fine qp-line" }, facts.join(" · "))),
      button(t("ui.visit.begin"), () => this.begin({ person_id: one.person_id }), { testid: "begin-visit" }));
  }

  async begin(who) {
    const visit = await post("/visits", { visit_id: newId(), ...who });
    await this.go({ person: visit.person_id, visit: visit.id });
  }

  async add() {
    const form = new PersonForm();
    await dialog({
      title: t("ui.visit.new_person"), body: form.element,
      actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.visit.begin"), kind: "primary", testid: "person-yes", run: () => this.begin({ patient: form.values() }) }],
    });
  }
}

/** Name, sex, birth date or age, identity number, telephone. */
class PersonForm {
  constructor() {
    const line = (name, props = {}) => h("input", { class: "qp-input", maxLength: 64, autocomplete: "off", dataset: { testid: `person-${name}` }, ...props });
    this.name = line("name", { autofocus: true });
    this.idNumber = line("id_number", { maxLength: 18, onchange: () => this.fromNumber() });
    this.birth = dayInput({ label: t("ui.form.birth_date"), onday: () => {}, dataset: { testid: "person-birth_date" } });
    this.age = line("age", { type: "number", min: 0, max: 130, step: "any", inputMode: "decimal" });
    this.phone = line("phone", { type: "tel" });
    this.sex = h("select", { class: "qp-input", dataset: { testid: "person-sex" } }, ["", "F", "M"].map((value) => h("option", { value }, value ? known("ui.sex", value) : t("ui.visit.choose"))));
    const row = (key, input) => h("label", {}, h("span", {}, t(key)), input);
    this.element = h("form", { class: "qp-plain-form", onsubmit: (event) => event.preventDefault() },
      row("ui.form.name", this.name), row("ui.form.id_number", this.idNumber), row("ui.form.sex", this.sex), row("ui.form.birth_date", this.birth), row("ui.form.age_years", this.age), row("ui.form.phone", this.phone));
  }

  fromNumber() {
    const facts = readIdNumber(this.idNumber.value.trim());
    if (!facts) return;
    this.birth.value = facts.birth_date;
    this.sex.value = facts.sex;
  }

  values() {
    const age = this.age.value === "" ? null : Number(this.age.value);
    return { name: this.name.value.trim(), sex: this.sex.value, id_number: this.idNumber.value.trim(), birth_date: this.birth.value || null, age_years: this.birth.value ? null : age, phone: this.phone.value.trim() };
  }
}

/** Begin a visit of somebody from anywhere on the page. */
export const beginVisit = (go, personId) => guarded(async () => {
  const visit = await post("/visits", { visit_id: newId(), person_id: personId });
  await go({ person: personId, visit: visit.id });
});
