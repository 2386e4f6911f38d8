/** The national record form of a register: every line of it, class and next date told as it is filled in. */
import { newId, post, put, t } from "/static/api.js";
import { dayInput, dayOf } from "/static/dates.js";
import { debounce, dialog, fill, guarded, h, toast, when } from "/static/dom.js";
import { adviceCard, drawCards, sourceLine } from "/static/advice_cards.js";
import { populations } from "/static/register_list.js";

const CHECK_MS = 300;
const MEDICINE = ["name", "times", "amount"];

/** Open the form of one entry; what is known from the person's facts is filled in. */
export async function openFollowUp(entry, summary, visitId, after) {
  const population = (await populations()).find((one) => one.kind === entry.kind);
  const form = new FollowUpForm(entry, population, summary, visitId);
  const done = await dialog({
    title: population.form ? population.form.name : t("ui.follow_up.plain", { name: population.name }), body: form.element, wide: true, testid: "follow-up-form",
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.follow_up.save"), kind: "primary", testid: "follow-up-save", run: () => form.save() }],
  });
  if (!done) return;
  toast(t("ui.follow_up.saved", { day: done.next_due || "—" }));
  await after();
}

/** Cards by the public-health standard, and those by guidelines: each is shown under its own name. */
function parted(cards) {
  const isStandard = (card) => card.pack.startsWith("public-health");
  return [cards.filter(isStandard), cards.filter((card) => !isStandard(card))];
}

class FollowUpForm {
  constructor(entry, population, summary, visitId) {
    Object.assign(this, { entry, population, summary, visitId, inputs: new Map(), id: newId() });
    this.assess = debounce(() => guarded(() => this.ask()), CHECK_MS);
    const today = when(new Date().toISOString(), { day: true });
    this.day = dayInput({ label: t("ui.follow_up.day"), value: today, onday: () => this.assess(), dataset: { testid: "follow-up-day" } });
    this.due = dayInput({ label: t("ui.follow_up.next"), onday: () => {}, dataset: { testid: "follow-up-next" } });
    this.found = h("section", { class: "qp-panel qp-assessed", role: "status", dataset: { testid: "assessment" } });
    this.advice = h("div", { dataset: { testid: "guideline-advice" } });
    const [ofStandard, ofGuideline] = parted(summary.cards.filter((card) => card.topic.startsWith(`${entry.kind}.`)));
    drawCards(this.advice, { cards: ofGuideline, asks: [] }, {});
    this.element = h("div", { class: "qp-two qp-two-form" }, h("form", { class: "qp-record", autocomplete: "off", onsubmit: (event) => event.preventDefault(), oninput: () => this.assess(), onchange: () => this.assess() }, h("label", {}, h("span", {}, t("ui.follow_up.day")), this.day), this.sections()),
      h("div", {}, h("h3", {}, t("ui.follow_up.standard")), this.found, h("label", {}, h("span", {}, t("ui.follow_up.next_own")), this.due), ofStandard.map((card) => adviceCard(card)), h("h3", {}, t("ui.follow_up.guideline")), this.advice));
    this.prefill();
    this.assess();
  }

  sections() {
    if (!this.population.form) return null;
    const sections = new Map();
    for (const field of this.population.form.fields) sections.set(field.section, [...(sections.get(field.section) || []), field]);
    return [...sections].map(([id, fields]) => h("fieldset", {}, h("legend", {}, t(`ui.follow_up.section.${id}`)), fields.map((field) => this.field(field))));
  }

  field(field) {
    const name = h("span", {}, field.name, field.is_required ? h("span", { class: "qp-required" }, " *") : null, field.unit ? h("span", { class: "qp-fine" }, ` ${field.unit}`) : null, field.is_own ? h("span", { class: "qp-fine" }, ` ${t("ui.follow_up.own")}`) : null);
    if (field.kind === "choices") return h("div", { class: "qp-record-field qp-wide" }, name, this.choices(field));
    const inputs = field.kind === "medicine" ? MEDICINE.map((part) => this.line(`${field.id}_${part}`, { placeholder: t(`form.part.${part}`) })) : field.keys.map((key) => this.input(field, key));
    return h("div", { class: `qp-record-field ${field.kind === "medicine" ? "qp-wide" : ""}` }, name, h("span", { class: "qp-record-line" }, inputs.flatMap((one, index) => (index && field.has_target ? [h("span", { title: t("form.part.target") }, "/"), one] : [one]))));
  }

  input(field, key) {
    const label = key.endsWith("_target") ? `${field.name} ${t("form.part.target")}` : field.name;
    if (field.kind === "choice") {
      const list = h("select", { class: "qp-input", "aria-label": label, dataset: { testid: `record-${key}` } }, h("option", { value: "" }, ""), field.options.map((one) => h("option", { value: one.code }, one.text)));
      this.inputs.set(key, { read: () => list.value, write: (value) => { list.value = value; } });
      return list;
    }
    return this.line(key, { "aria-label": label, placeholder: key.endsWith("_target") ? t("form.part.target") : "", ...(field.kind === "number" ? { inputMode: "decimal" } : {}) }, field.kind);
  }

  line(key, props, kind = "text") {
    const input = h("input", { class: "qp-input", maxLength: kind === "text" ? 200 : 12, dataset: { testid: `record-${key}` }, ...props });
    const read = () => {
      const text = input.value.trim();
      if (kind === "day") return dayOf(text) || "";
      if (kind !== "number" || !text) return text;
      return Number.isFinite(Number(text)) ? Number(text) : text;
    };
    this.inputs.set(key, { read, write: (value) => { input.value = value; } });
    return input;
  }

  /** Several may hold; "none" excludes all others. */
  choices(field) {
    const boxes = field.options.map((one) => h("input", { type: "checkbox", value: one.code, dataset: { testid: `record-${field.id}-${one.code}` }, onchange: (event) => only(event.target) }));
    const only = (pressed) => boxes.forEach((box) => { if (pressed.checked && box !== pressed && (box.value === "none" || pressed.value === "none")) box.checked = false; });
    this.inputs.set(field.id, { read: () => boxes.filter((box) => box.checked).map((box) => box.value), write: () => {} });
    return h("div", { class: "qp-boxes" }, field.options.map((one, index) => h("label", { class: "qp-check" }, boxes[index], h("span", {}, one.text))));
  }

  /** Values of today's visit, else the newest of the last day, where a line stands for a fact. */
  prefill() {
    if (!this.population.form) return;
    const fresh = Date.now() - 86400000;
    for (const field of this.population.form.fields) {
      const found = this.summary.facts.filter((one) => field.fact && one.code === field.fact && Date.parse(one.at) >= fresh).sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0];
      if (found && (!field.context.timing || found.context_codes.timing === field.context.timing)) this.inputs.get(field.id).write(String(found.value));
    }
  }

  values() {
    const fields = Object.fromEntries([...this.inputs].map(([key, one]) => [key, one.read()]).filter(([, value]) => value !== "" && !(Array.isArray(value) && !value.length)));
    return { day: dayOf(this.day.value), fields, next_due: this.due.value || null, visit_id: this.visitId };
  }

  async ask() {
    const asked = this.values();
    if (!asked.day) return;
    this.asked = asked;
    try {
      const found = await post(`/registers/entries/${encodeURIComponent(this.entry.id)}/assess`, { ...asked, next_due: null });
      if (this.asked === asked) this.show(found);
    } catch (error) {
      if (error.name !== "ApiError" || error.status !== 422) throw error;
      fill(this.found, h("p", { class: "qp-field-error" }, error.message, error.advice ? ` → ${error.advice}` : ""));
    }
  }

  show(found) {
    const dangers = found.cards.filter((card) => ["emergency", "urgent"].includes(card.urgency));
    fill(this.found, dangers.map((card) => adviceCard(card)), h("p", {}, t("ui.follow_up.class"), h("b", { dataset: { testid: "assessed-class" } }, found.category_text || "—")), h("p", {}, t("ui.follow_up.next_is"), h("b", { dataset: { testid: "assessed-next" } }, found.next_due || "—")),
      found.reasons.map((text) => h("p", { class: "qp-card qp-card-refuse" }, text)),
      found.missing.length ? h("p", { class: "qp-fine" }, t("ui.follow_up.missing", { names: found.missing.map((one) => one.name).join(t("ui.ai.comma")) })) : null, h("p", { class: "qp-fine" }, sourceLine(found.source)));
  }

  async save() {
    return put(`/registers/entries/${encodeURIComponent(this.entry.id)}/records/${this.id}`, this.values());
  }
}
