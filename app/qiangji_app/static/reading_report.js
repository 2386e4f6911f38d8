/** The report: structured template, phrases, autosaved draft, signature. */
import { labels, labelText, put, session, t } from "/static/api.js";
import { beforeLeaving, clearErrors, confirmed, debounce, fill, guarded, h, showError, toast, when } from "/static/dom.js";
import { modalitiesOf } from "/static/parts.js";
import { signReport } from "/static/reading_sign.js";
import { templatesFor } from "/static/templates.js";

const AUTOSAVE_MS = 1200;

export class ReportEditor {
  constructor(view, { onsigned }) {
    this.view = view;
    this.onsigned = onsigned;
    this.status = h("span", { class: "qp-fine qp-save", role: "status", dataset: { testid: "draft-status" } });
    this.element = h("section", { class: "qp-report", dataset: { testid: "report-editor" } });
    this.content = view.draft ? { ...view.draft, findings: view.draft.findings.map((one) => one.label) } : null;
    this.dirty = false;
    this.sending = 0;
    this.savedAs = view.draft ? view.draft.sha256 : ""; // names the stored text that is on the screen
    this.saving = Promise.resolve();
    this.offered = new Map();
    this.measures = h("div", {});
    this.saveSoon = debounce(() => guarded(() => this.save()), AUTOSAVE_MS);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); guarded(() => this.sign()); }
      if (event.key === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); guarded(() => this.save()); }
    });
    this.clock = setInterval(() => this.showUnlock(), 15000);
    this.stay = beforeLeaving(() => this.settle());
    this.warn = (event) => { if (this.dirty && this.hasFailed) event.preventDefault(); }; // the browser asks before these words are lost
    window.addEventListener("beforeunload", this.warn);
    this.leave = (event) => { if (this.dirty || this.sending) event.preventDefault(); };
    window.addEventListener("beforeunload", this.leave);
    guarded(() => this.open());
  }

  close() {
    clearInterval(this.clock);
    this.stay();
    window.removeEventListener("beforeunload", this.warn);
    this.flush().catch(showError).finally(() => window.removeEventListener("beforeunload", this.leave));
  }

  /** Let go of unsaved words: the case has left this desk. */
  discard() {
    this.saveSoon.cancel();
    this.dirty = false;
  }

  async flush() {
    this.saveSoon.cancel();
    await this.saving;
    if (this.dirty) await this.save();
  }

  /** As flush, but words that could not be saved are a failure. */
  async settle() {
    await this.flush();
    if (this.dirty) throw new Error(t("ui.report.not_saved"));
  }

  async open() {
    this.templates = await templatesFor(modalitiesOf(this.view));
    const wanted = this.content && this.content.template_id;
    this.template = this.templates.find((one) => one.id === wanted) || this.templates[0];
    if (!this.content) this.content = this.blank();
    this.draw();
    if (this.view.draft && this.view.draft.saved_at) this.say(t("ui.report.saved", { at: when(this.view.draft.saved_at) }));
  }

  blank() {
    const fields = Object.fromEntries(this.template.fields.map((field) => [field.id, field.default || ""]));
    return { template_id: this.template.id, fields, impression: "", advice: "", findings: [], measurements: {}, is_critical: false };
  }

  draw() {
    const { content } = this;
    const picker = h("select", { class: "qp-input", "aria-label": t("ui.report.template"), onchange: () => guarded(() => this.change(picker)) },
      this.templates.map((one) => h("option", { value: one.id, selected: one.id === this.template.id }, one.name)));
    this.impression = this.area("impression", content.impression, (value) => { content.impression = value; }, 4);
    this.advice = this.area("advice", content.advice, (value) => { content.advice = value; }, 2);
    const critical = h("input", { type: "checkbox", checked: content.is_critical, onchange: () => { content.is_critical = critical.checked; this.touch(); } });
    this.unlock = h("p", { class: "qp-fine" });
    fill(this.element, h("header", { class: "qp-row" }, h("h3", {}, t("ui.report.title")), h("span", { class: "qp-grow" }), picker),
      ...this.template.fields.map((field) => this.templateField(field)),
      h("label", {}, h("b", {}, t("ui.report.impression")), this.impression), this.phrases(this.impression, this.template.impressions),
      this.findingPicker(), this.measures,
      h("label", {}, h("b", {}, t("ui.report.advice")), this.advice), this.phrases(this.advice, this.template.advice),
      h("label", { class: "qp-check" }, critical, t("ui.report.critical")), this.unlock);
    fill(this.measures, this.measurementRows());
    this.showUnlock();
  }

  area(name, value, set, rows) {
    const area = h("textarea", { rows, class: "qp-input", value: value || "", dataset: { testid: `report-${name}` }, oninput: () => { set(area.value); this.touch(); grow(area); } });
    requestAnimationFrame(() => grow(area));
    return area;
  }

  templateField(field) {
    const area = this.area(field.id, this.content.fields[field.id], (value) => { this.content.fields[field.id] = value; }, 1);
    const choices = field.phrases || [];
    return h("div", { class: "qp-report-field" }, h("label", {}, h("span", {}, field.name), area),
      choices.length ? h("div", { class: "qp-chips" }, choices.map((choice) => h("button", { type: "button", class: "qp-chip", onclick: () => choose(area, choice, (field.excludes || {})[choice] || []) }, choice))) : null);
  }

  phrases(area, texts) {
    if (!texts || !texts.length) return null;
    return h("details", { class: "qp-phrases" }, h("summary", {}, t("ui.report.phrases")), h("div", { class: "qp-chips" }, texts.map((text) =>
      h("button", { type: "button", class: "qp-chip", onclick: () => insert(area, text) }, text))));
  }

  findingPicker() {
    const known = Object.entries(labels()).filter(([, one]) => !one.modality || modalitiesOf(this.view).includes(one.modality));
    const chips = h("div", { class: "qp-chips" }, known.map(([id]) => h("button", { type: "button", class: "qp-chip", "aria-pressed": String(this.content.findings.includes(id)), dataset: { label: id }, onclick: (event) => {
      const has = this.content.findings.includes(id);
      this.content.findings = has ? this.content.findings.filter((one) => one !== id) : [...this.content.findings, id];
      event.currentTarget.setAttribute("aria-pressed", String(!has));
      this.touch();
    } }, labelText(id))));
    const accepted = (this.view.findings || []).filter((one) => one.verdict === "accepted" || one.verdict === "edited").map((one) => one.verdict_label || one.label);
    const take = accepted.filter((id) => !this.content.findings.includes(id));
    return h("details", { class: "qp-phrases", open: this.content.findings.length > 0 }, h("summary", {}, t("ui.report.findings", { n: this.content.findings.length })), chips,
      take.length ? h("button", { type: "button", class: "qp-btn qp-btn-quiet", onclick: () => { this.content.findings = [...this.content.findings, ...take]; this.touch(); this.draw(); } }, t("ui.report.take_accepted")) : null);
  }

  /** A measure of the viewer, offered for the report; one of a kind, the newest counts. */
  offer({ kind, text, measures }) {
    if (!this.content || !Array.isArray(measures)) return;
    this.offered = new Map(measures.map((one) => [one.kind, one.text]));
    if (text) this.offered.set(kind, text);
    fill(this.measures, this.measurementRows());
  }

  measurementRows() {
    const taken = this.content.measurements;
    const redraw = () => { this.touch(); fill(this.measures, this.measurementRows()); };
    const drop = (name) => h("button", { type: "button", class: "qp-chip", "aria-pressed": "true", title: t("ui.report.measure_drop"), onclick: () => { delete taken[name]; redraw(); } }, `${taken[name]} ×`);
    const add = ([name, text]) => h("button", { type: "button", class: "qp-chip", dataset: { testid: "take-measure" }, onclick: () => { taken[name] = text; redraw(); } }, `+ ${text}`);
    const open = [...this.offered].filter(([name, text]) => taken[name] !== text);
    if (!open.length && !Object.keys(taken).length) return null;
    return [h("b", {}, t("ui.report.measures")), h("div", { class: "qp-chips" }, Object.keys(taken).map(drop), open.map(add))];
  }

  async change(picker) {
    const next = this.templates.find((one) => one.id === picker.value);
    if (this.dirtySinceOpen && !(await confirmed(t("ui.report.change"), t("ui.report.change_text"), { yes: t("ui.report.change"), kind: "primary" }))) {
      picker.value = this.template.id;
      return;
    }
    const before = this.content;
    const templateBefore = this.template;
    this.template = next;
    this.content = { ...this.blank(), findings: before.findings, measurements: before.measurements };
    this.draw();
    this.touch();
    toast(t("ui.report.changed"), { undo: async () => { this.template = templateBefore; this.content = before; this.draw(); this.touch(); } });
  }

  touch() {
    this.dirty = true;
    this.dirtySinceOpen = true;
    this.say(t("ui.report.unsaved"));
    this.saveSoon();
  }

  /** Save the draft, one after another; `saving` never rejects, for those who only wait for the line to be free. */
  save() {
    const sent = this.saving.then(() => this.send());
    this.saving = sent.catch(() => null);
    return sent;
  }

  async send() {
    if (!this.content) return;
    this.dirty = false;
    this.sending += 1;
    const { template_id: template, fields, impression, advice, findings, measurements, is_critical: critical } = this.content;
    try {
      const { saved_at: at, sha256 } = await put(`/cases/${this.view.id}/draft`, { template_id: template, fields, impression, advice, findings, measurements, is_critical: critical });
      this.savedAs = sha256;
      this.say(t("ui.report.saved", { at: when(at, { seconds: true }) }));
      if (this.hasFailed) clearErrors();
      this.hasFailed = false;
    } catch (error) {
      this.dirty = true;
      this.hasFailed = true;
      this.say(t("ui.report.not_saved"), true);
      if (error.status !== 0) throw error;
      this.saveSoon();
    } finally {
      this.sending -= 1;
    }
  }

  say(text, isBad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("qp-bad", isBad);
  }

  showUnlock() {
    const until = session().unlocked_until;
    const left = until ? Math.ceil((new Date(until).getTime() - Date.now()) / 60000) : 0;
    if (this.unlock) this.unlock.textContent = left > 0 ? t("ui.sign.unlocked", { n: left }) : t("ui.sign.locked");
  }

  /** Sign what is on the screen, once the server has it; it refuses where another text is stored. */
  async sign() {
    if (!this.content.impression.trim()) {
      this.impression.focus();
      toast(t("ui.report.impression_needed"), { kind: "warn" });
      return;
    }
    await this.settle();
    if (!this.savedAs) throw new Error(t("ui.report.not_saved"));
    const signed = await signReport(this.view, { sha256: this.savedAs, template: this.template });
    if (signed) this.onsigned(signed);
  }
}

/** A phrase takes the place of those that cannot stand beside it. */
function choose(area, text, excluded) {
  for (const other of excluded) {
    const at = area.value.indexOf(other);
    if (at < 0) continue;
    area.focus();
    area.setSelectionRange(at, at + other.length);
    if (!document.execCommand("delete")) area.setRangeText("", at, at + other.length, "end");
  }
  if (!area.value.includes(text)) insert(area, text);
}

/** Put a phrase at the cursor; Ctrl+Z takes it back. */
function insert(area, text) {
  area.focus();
  const before = area.value.slice(0, area.selectionStart);
  const lead = before && !before.endsWith("\n") && area.rows > 1 ? "\n" : "";
  if (!document.execCommand("insertText", false, lead + text)) area.setRangeText(lead + text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input"));
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, 240)}px`;
}
