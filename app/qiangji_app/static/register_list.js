/** Registers: who is in them, the longest due first; control rate; taking people in and out; export. */
import { get, post, query, t } from "/static/api.js";
import { dayInput } from "/static/dates.js";
import { button, dialog, fill, guarded, h, toast } from "/static/dom.js";
import { personLine, placeholder } from "/static/parts.js";

const ROWS = 50;
/** Why somebody leaves a register, as the server takes it. */
const END_REASONS = ["moved", "died", "declined", "not_affected", "completed"];

/** Every register with its form, read once a page. */
let known = null;
export function populations() {
  known = known || get("/registers/forms").then((found) => found.items);
  return known;
}

export class RegisterList {
  constructor(go) {
    this.go = go;
    this.offset = 0;
    this.kind = "hypertension";
    this.rows = h("div", { class: "qp-admin-rows", role: "list" });
    this.foot = h("div", { class: "qp-row qp-center" });
    this.rates = h("div", { class: "qp-rates", dataset: { testid: "rates" } });
    this.source = h("p", { class: "qp-fine" });
    this.overdue = h("input", { type: "checkbox", dataset: { testid: "only-overdue" }, onchange: () => guarded(() => this.search(0)) });
    this.element = h("section", {});
  }

  async load() {
    const [kinds, rates] = await Promise.all([populations(), get(query("/registers/rates", { year: new Date().getFullYear() }))]);
    this.kinds = kinds;
    this.chosen = h("select", { class: "qp-input", "aria-label": t("ui.register.kind"), dataset: { testid: "register-kind" }, onchange: () => guarded(() => { this.kind = this.chosen.value; return this.search(0); }) }, kinds.map((one) => h("option", { value: one.kind }, one.name)));
    fill(this.rates, rates.items.map((one) => h("div", { class: "qp-rate" }, h("b", {}, one.percent === null ? "—" : `${one.percent} %`), h("span", {}, t("ui.register.rate", { name: one.name })), h("span", { class: "qp-fine" }, t("ui.register.rate_of", { n: one.controlled, managed: one.managed, followed: one.followed })))));
    this.links = h("span", { class: "qp-row" });
    fill(this.element, h("div", { class: "qp-row qp-filter" }, h("h1", {}, t("ui.visit.tab.registers")), this.chosen, h("label", { class: "qp-check" }, this.overdue, t("ui.register.only_overdue")), h("span", { class: "qp-grow" }), this.links), this.rates, this.source, this.rows, this.foot);
    await this.search(0);
  }

  async search(offset) {
    this.offset = offset;
    const page = await get(query(`/registers/${this.kind}/list`, { overdue: this.overdue.checked || "", limit: ROWS, offset }));
    const population = this.kinds.find((one) => one.kind === this.kind);
    fill(this.links, ["xlsx", "csv"].map((form) => h("a", { class: "qp-btn", href: `/api/v1/registers/${this.kind}/export.${form}`, download: true, dataset: { testid: `export-${form}` } }, t("ui.register.export", { form: form.toUpperCase() }))));
    fill(this.source, population.is_scheduled ? t("ui.register.source", population.source) : t("ui.register.unscheduled", population.source));
    fill(this.rows, h("p", { class: "qp-results-count", role: "status", dataset: { testid: "register-count" } }, h("b", {}, t("ui.register.overdue_n", { n: page.overdue })), ` · ${t("ui.register.total", { n: page.total })}`), page.items.length ? page.items.map((one) => this.row(one)) : placeholder("empty", t("ui.register.empty")));
    const last = offset + page.items.length;
    fill(this.foot, page.total > ROWS ? [button(t("ui.register.before"), () => this.search(offset - ROWS), { disabled: offset === 0 }), h("span", { class: "qp-fine" }, `${offset + 1}–${last} / ${page.total}`), button(t("ui.register.after"), () => this.search(offset + ROWS), { disabled: last >= page.total })] : null);
  }

  row(one) {
    return h("article", { class: "qp-admin-row qp-register-row", role: "listitem", dataset: { testid: "register-row" } },
      h("button", { type: "button", class: "qp-plain", onclick: () => this.go({ person: one.person_id }) }, personLine(one.patient)), h("span", { class: "qp-fine" }, one.patient.phone || one.number),
      h("span", {}, one.last ? `${one.last.day} ${one.last.category_text}` : t("ui.register.never")),
      h("span", {}, one.next_due || "—", " ", one.days_overdue ? h("span", { class: "qp-badge qp-urgency-urgent", dataset: { testid: "overdue" } }, t("ui.due.overdue", { n: one.days_overdue })) : null));
  }
}

/** Ask for the register, and what it needs; `after` once the person is in it. */
export async function enrolDialog(personId, after) {
  const kinds = await populations();
  const chosen = h("select", { class: "qp-input", dataset: { testid: "enrol-kind" }, onchange: () => told() }, kinds.map((one) => h("option", { value: one.kind }, one.name)));
  const number = h("input", { class: "qp-input", maxLength: 64, placeholder: "□□□-□□□□□", dataset: { testid: "enrol-number" } });
  const since = dayInput({ label: t("ui.register.since"), onday: () => {}, dataset: { testid: "enrol-since" } });
  const due = dayInput({ label: t("ui.register.due"), onday: () => {}, dataset: { testid: "enrol-due" } });
  const note = h("p", { class: "qp-fine" });
  const told = () => {
    const one = kinds.find((each) => each.kind === chosen.value);
    fill(note, one.is_scheduled ? t("ui.register.source", one.source) : t("ui.register.unscheduled", one.source));
  };
  told();
  const row = (key, input) => h("label", {}, h("span", {}, t(key)), input);
  const done = await dialog({
    title: t("ui.visit.enrol"), body: h("div", { class: "qp-plain-form" }, row("ui.register.kind", chosen), row("ui.register.number", number), row("ui.register.since", since), row("ui.register.due", due), note),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "enrol-yes", run: async () => {
      await post(`/patients/${encodeURIComponent(personId)}/registers`, { kind: chosen.value, number: number.value.trim(), since: since.value || null, next_due: due.value || null });
      return true;
    } }],
  });
  if (!done) return;
  toast(t("ui.register.enrolled"));
  await after();
}

/** Take somebody out of a register, with a reason. */
export async function endDialog(entry, after) {
  const chosen = h("select", { class: "qp-input", "aria-label": t("ui.register.end_why") }, END_REASONS.map((code) => [code, t(`ui.register.end_reason.${code}`)]).map(([value, text]) => h("option", { value }, text)));
  const done = await dialog({
    title: t("ui.register.end"), body: h("div", {}, h("p", {}, t("ui.register.end_text", { name: entry.name })), chosen),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.register.end"), kind: "danger", run: async () => { await post(`/registers/entries/${encodeURIComponent(entry.id)}/end`, { reason: chosen.value }); return true; } }],
  });
  if (done) await after();
}
