/** One patient: who, what is known and from whom, the visit being typed with its advice, registers, trends. */
import { get, post, put, session, t } from "/static/api.js";
import { button, beforeLeaving, debounce, dialog, fill, guarded, h, toast, when } from "/static/dom.js";
import { drawCards, adviceCard, originChip } from "/static/advice_cards.js";
import { openFollowUp } from "/static/follow_up_form.js";
import { enrolDialog, endDialog } from "/static/register_list.js";
import { beginVisit } from "/static/people_search.js";
import { openReferral } from "/static/visit_referral.js";
import { personLine } from "/static/parts.js";
import { trendPlots } from "/static/trends.js";
import { VisitEntry } from "/static/visit_entry.js";

const CHECK_MS = 300;
/** Why advice is not followed, as the server takes it. */
const REASONS = ["already_done", "not_applicable", "wrong_value", "patient_declines", "contraindicated", "other"];

export class PersonView {
  constructor({ person, visit }, go) {
    this.go = go;
    this.person = person;
    this.visitId = visit || "";
    this.element = h("div", { class: "qp-person-view" });
    this.cards = h("div", { class: "qp-advice-list", dataset: { testid: "advice-list" } });
    this.asked = 0;
  }

  async load() {
    const [summary, trends, form, visit] = await Promise.all([
      get(`/patients/${encodeURIComponent(this.person)}`), get(`/patients/${encodeURIComponent(this.person)}/trends`),
      this.visitId ? get("/visits/form") : null, this.visitId ? get(`/visits/${encodeURIComponent(this.visitId)}`) : null]);
    this.summary = summary;
    fill(this.element, this.head(), this.registers(), this.visitId ? this.sitting(form, visit) : this.overview(), this.history(), h("section", { class: "qp-panel" }, h("h2", {}, t("ui.trend.title")), trendPlots(trends.series)));
  }

  leave() {
    if (this.stopSaving) this.stopSaving();
  }

  head() {
    const { patient, plans } = this.summary;
    const facts = [patient.site.name, patient.birth_date, patient.phone].filter(Boolean);
    const next = plans[0];
    return h("header", { class: "qp-case-head" }, button("←", () => this.go({}), { kind: "quiet", title: t("ui.visit.tab.people"), testid: "back" }), personLine(patient), h("span", { class: "qp-fine" }, facts.join(" · ")),
      next ? h("span", { class: "qp-badge qp-state-claimed", dataset: { testid: "next-due" } }, t("ui.due.next", { day: next.due_on, what: next.text })) : null,
      h("span", { class: "qp-grow" }), button(t("ui.visit.enrol"), () => enrolDialog(this.person, () => this.reload()), { testid: "enrol" }),
      this.visitId ? null : button(t("ui.visit.begin"), () => beginVisit(this.go, this.person), { kind: "primary", testid: "begin-visit" }));
  }

  registers() {
    const open = this.summary.registers.filter((one) => !one.ended_at);
    return open.length ? h("section", { class: "qp-panel qp-row", dataset: { testid: "registers-of" } }, open.map((one) => h("div", { class: "qp-register-chip" },
      h("b", {}, one.name), h("span", { class: "qp-fine" }, t("ui.register.next", { day: one.next_due || "—" })),
      button(t("ui.register.record"), () => this.fillIn(one), { kind: "primary", testid: `record-${one.kind}` }),
      h("a", { class: "qp-btn", href: `/api/v1/registers/entries/${encodeURIComponent(one.id)}/record.html`, target: "_blank", rel: "noopener", dataset: { testid: `print-${one.kind}` } }, t("ui.register.print")),
      ["xlsx", "csv"].map((form) => h("a", { class: "qp-btn", href: `/api/v1/registers/entries/${encodeURIComponent(one.id)}/record.${form}`, download: true }, form.toUpperCase())),
      button(t("ui.register.end"), () => endDialog(one, () => this.reload()), { kind: "quiet" })))) : null;
  }

  /** What was typed is stored before the page is read again. */
  async reload() {
    if (this.isDirty) await this.save();
    await this.load();
  }

  /** The record form begins with what this visit holds. */
  async fillIn(entry) {
    if (this.isDirty) await this.save();
    this.summary = await get(`/patients/${encodeURIComponent(this.person)}`);
    await openFollowUp(entry, this.summary, this.visitId, () => this.load());
  }

  /** Without a visit: what the rules say of what is known. */
  overview() {
    drawCards(this.cards, this.summary, {});
    return h("div", { class: "qp-two qp-two-visit" }, h("section", { class: "qp-panel" }, h("h2", {}, t("ui.visit.known")), this.factList()), h("section", { class: "qp-panel" }, h("h2", {}, t("ui.advice.title")), this.cards));
  }

  factList() {
    const groups = new Map();
    for (const one of [...this.summary.facts].sort((a, b) => Date.parse(b.at) - Date.parse(a.at))) {
      const seen = groups.get(one.origin) || new Map();
      const key = `${one.code} ${one.context.join(" ")}`;
      if (!seen.has(key)) seen.set(key, one);
      groups.set(one.origin, seen);
    }
    if (!groups.size) return h("p", { class: "qp-muted" }, t("ui.visit.nothing_known"));
    return [...groups.values()].map((seen) => {
      const facts = [...seen.values()];
      return h("div", { class: "qp-fact-group" }, h("h4", {}, originChip(facts[0])), h("ul", { class: "qp-fact-list" }, facts.map((one) => h("li", {}, `${one.name} `, h("b", {}, one.text), one.context.length ? ` ${one.context.join(" ")}` : "", h("span", { class: "qp-fine" }, ` ${when(one.at)}`)))));
    });
  }

  /** The visit being typed, or one that stands. */
  sitting(form, { visit, cards, asks, faulty, given }) {
    this.visit = visit;
    const isMine = visit.doctor_id === session().user.id;
    this.entry = new VisitEntry(form.sections, () => { this.isDirty = true; this.check(); });
    this.check = debounce(() => guarded(() => this.ask()), CHECK_MS);
    this.entry.load(visit.facts);
    this.complaint = h("textarea", { class: "qp-input", rows: 2, maxLength: 2000, value: visit.complaint, "aria-label": t("ui.visit.complaint"), placeholder: t("ui.visit.complaint"), dataset: { testid: "complaint" }, oninput: () => { this.isDirty = true; } });
    this.draw({ cards, asks, faulty });
    this.stopSaving = isMine ? beforeLeaving(() => (this.isDirty ? this.save() : undefined)) : null;
    const old = given.filter((one) => one.advice.decision !== "open" && !cards.some((card) => card.advice && card.advice.id === one.advice.id));
    return h("div", { class: "qp-two qp-two-visit" },
      h("section", { class: "qp-panel" }, h("div", { class: "qp-row" }, h("h2", {}, t("ui.visit.of", { at: when(visit.at) })), h("span", { class: "qp-grow" }), isMine ? button(t("ui.visit.save"), () => this.save(true), { kind: "primary", testid: "save-visit" }) : h("span", { class: "qp-fine" }, t("ui.visit.read_only"))),
        this.complaint, this.entry.element, h("details", { class: "qp-fold" }, h("summary", {}, t("ui.visit.known")), this.factList())),
      h("section", { class: "qp-panel qp-advice-side" }, h("h2", {}, t("ui.advice.title")), this.cards,
        old.length ? h("details", { class: "qp-fold" }, h("summary", {}, t("ui.advice.earlier", { n: old.length })), old.map((one) => adviceCard(one))) : null));
  }

  draw(found) {
    const isMine = this.visit.doctor_id === session().user.id;
    drawCards(this.cards, found, { decide: isMine ? (card, decision) => this.decide(card, decision) : null, refer: (card) => this.refer(card), focus: (code) => this.entry.focus(code) });
  }

  /** Advice on what stands in the form; only the newest question's answer is shown. */
  async ask() {
    this.asked += 1;
    const mine = this.asked;
    const facts = this.entry.collect();
    try {
      const found = await post(`/visits/${encodeURIComponent(this.visitId)}/check`, { facts });
      if (mine !== this.asked) return;
      this.entry.showRefused(found.refused);
      this.draw(found);
    } catch (error) {
      if (mine === this.asked) this.drawNone();
      if (error.code !== "visit.pressure_reversed") throw error;
      if (mine === this.asked) this.entry.tell("diastolic_bp", error.message, error.advice);
    }
  }

  /** Cards of values that no longer stand in the form are taken away, and it is said that none could be given. */
  drawNone() {
    fill(this.cards, h("p", { class: "qp-card qp-card-refuse", role: "alert", dataset: { testid: "advice-failed" } }, t("ui.advice.not_computed")));
  }

  async save(isAsked = false) {
    const facts = this.entry.collect();
    if (this.entry.unread.length) {
      this.entry.focus(this.entry.unread[0]);
      throw new Error(t("ui.visit.not_saved"));
    }
    const found = await this.put(facts);
    this.asked += 1;
    this.visit = found.visit;
    this.isDirty = false;
    this.draw(found);
    if (isAsked) toast(t("ui.visit.saved"));
    return found;
  }

  /** A refusal is told beside its field as well. */
  async put(facts) {
    try {
      return await put(`/visits/${encodeURIComponent(this.visitId)}`, { facts, revision: this.visit.revision, complaint: this.complaint.value.trim() });
    } catch (error) {
      if (error.status === 422) await this.ask();
      throw error;
    }
  }

  /** The card as it is kept: what was typed is stored first. */
  async kept(card) {
    if (card.advice) return card;
    const found = await this.save();
    const same = found.cards.find((one) => one.rule === card.rule);
    if (!same) toast(t("ui.advice.changed"), { kind: "warn" });
    return same;
  }

  async decide(card, decision) {
    const kept = await this.kept(card);
    if (!kept) return;
    const why = decision === "overridden" ? await askWhy(kept) : { reason_code: "", reason: "" };
    if (!why) return;
    await post(`/advice/${encodeURIComponent(kept.advice.id)}/decision`, { decision, ...why });
    toast(t(decision === "accepted" ? "ui.advice.accepted_done" : "ui.advice.overridden_done"));
    await this.again();
  }

  async again() {
    this.draw(await get(`/visits/${encodeURIComponent(this.visitId)}`));
  }

  async refer(card) {
    const kept = await this.kept(card);
    if (!kept) return;
    if (kept.advice.decision === "open") await post(`/advice/${encodeURIComponent(kept.advice.id)}/decision`, { decision: "accepted", reason_code: "", reason: "" });
    await openReferral(kept);
  }

  history() {
    const rows = this.summary.visits.filter((one) => one.id !== this.visitId);
    return rows.length ? h("details", { class: "qp-fold qp-panel" }, h("summary", {}, t("ui.visit.earlier", { n: rows.length })), h("ul", { class: "qp-fact-list" }, rows.map((one) => h("li", {},
      h("button", { type: "button", class: "qp-chip", onclick: () => this.go({ person: this.person, visit: one.id }) }, when(one.at)), ` ${one.site.name} `, h("span", { class: "qp-fine" }, one.facts.slice(0, 6).map((fact) => `${fact.name} ${fact.value === true ? t("fact.yes") : fact.value === false ? t("fact.no") : fact.value}`).join(t("list.semicolon"))))))) : null;
  }
}

/** Why advice is not followed: a coded reason, with words. Null when dismissed. */
async function askWhy(card) {
  const reasons = REASONS.map((code) => [code, t(`ui.advice.reason.${code}`)]);
  const chosen = h("select", { class: "qp-input", "aria-label": t("ui.advice.why_not"), dataset: { testid: "override-reason" } }, h("option", { value: "" }, t("ui.visit.choose")), reasons.map(([value, text]) => h("option", { value }, text)));
  const words = h("textarea", { class: "qp-input", rows: 2, "aria-label": t("ui.advice.why_words"), placeholder: t("ui.advice.why_words"), dataset: { testid: "override-words" } });
  const hint = h("p", { class: "qp-field-error", hidden: true }, t("ui.advice.reason_hint"));
  const found = await dialog({
    title: t("ui.advice.why_not"), body: h("div", {}, h("p", { class: "qp-quote" }, card.title), chosen, words, hint),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "override-yes", run: () => {
      const isWhole = chosen.value && (chosen.value !== "other" || words.value.trim());
      hint.hidden = Boolean(isWhole);
      return isWhole ? { reason_code: chosen.value, reason: words.value.trim() } : false;
    } }],
  });
  return found || null;
}

