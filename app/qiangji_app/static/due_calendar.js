/** What is due: the overdue first, then a month as a calendar; from registers, advice and referrals. */
import { get, post, query, t } from "/static/api.js";
import { button, fill, h, toast, when } from "/static/dom.js";
import { personLine } from "/static/parts.js";

const NAMED = 3; // names in one cell of the calendar
const AHEAD_DAYS = 30; // what comes soon is listed whatever the month

const iso = (date) => date.toISOString().slice(0, 10);

export class DueCalendar {
  constructor(go) {
    this.go = go;
    this.today = when(new Date().toISOString(), { day: true });
    this.month = this.today.slice(0, 7);
    this.element = h("section", {});
  }

  async load() {
    const ahead = iso(new Date(Date.parse(this.today) + AHEAD_DAYS * 86400000));
    const isNow = this.today.startsWith(this.month);
    const last = lastDay(this.month);
    const { items } = await get(query("/follow-ups/due", { until: last < ahead ? ahead : last }));
    const late = items.filter((one) => one.days_overdue > 0);
    const coming = items.filter((one) => one.due_on >= this.today && (isNow ? one.due_on <= ahead : one.due_on.startsWith(this.month)));
    fill(this.element,
      h("section", { class: "qp-panel", dataset: { testid: "overdue-list" } }, h("h2", {}, t("ui.due.overdue_title", { n: late.length })), late.length ? late.map((one) => this.row(one)) : h("p", { class: "qp-muted" }, t("ui.due.none_overdue"))),
      h("section", { class: "qp-panel" }, h("div", { class: "qp-row" }, button("‹", () => this.turn(-1), { title: t("ui.due.before"), testid: "month-before" }), h("h2", { dataset: { testid: "month" } }, this.month), button("›", () => this.turn(1), { title: t("ui.due.after"), testid: "month-after" })), this.calendar(items),
        h("h3", {}, t(isNow ? "ui.due.soon" : "ui.due.in_month")), h("div", { dataset: { testid: "due-list" } }, coming.map((one) => this.row(one)))));
  }

  turn(step) {
    const [year, month] = this.month.split("-").map(Number);
    this.month = iso(new Date(Date.UTC(year, month - 1 + step, 1))).slice(0, 7);
    return this.load();
  }

  calendar(items) {
    const [year, month] = this.month.split("-").map(Number);
    const first = new Date(Date.UTC(year, month - 1, 1));
    const blanks = (first.getUTCDay() + 6) % 7; // weeks begin on Monday
    const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
    const cells = Array.from({ length: days }, (_, index) => this.cell(iso(new Date(Date.UTC(year, month - 1, index + 1))), items));
    return h("div", { class: "qp-calendar", role: "grid", "aria-label": this.month }, ["1", "2", "3", "4", "5", "6", "7"].map((day) => h("b", { class: "qp-calendar-head" }, t(`ui.due.day.${day}`))), Array.from({ length: blanks }, () => h("span", {})), cells);
  }

  cell(day, items) {
    const due = items.filter((one) => one.due_on === day);
    return h("div", { class: `qp-calendar-cell ${day === this.today ? "qp-calendar-today" : ""} ${due.length ? "qp-calendar-due" : ""}`, role: "gridcell", dataset: { testid: "calendar-cell", day } }, h("span", { class: "qp-fine" }, Number(day.slice(8))),
      due.slice(0, NAMED).map((one) => h("button", { type: "button", class: `qp-calendar-name qp-due-${one.kind}`, title: `${one.patient.name} ${one.text}`, onclick: () => this.go({ person: one.person_id }) }, one.patient.name)),
      due.length > NAMED ? h("span", { class: "qp-fine" }, t("ui.due.more", { n: due.length - NAMED })) : null);
  }

  row(one) {
    return h("div", { class: "qp-person-row", dataset: { testid: "due-row", due: one.due_on } }, h("button", { type: "button", class: "qp-plain", onclick: () => this.go({ person: one.person_id }) }, personLine(one.patient), h("span", { class: "qp-fine qp-line" }, [one.due_on, one.text, one.patient.phone].filter(Boolean).join(" · "))),
      one.days_overdue ? h("span", { class: "qp-badge qp-urgency-urgent" }, t("ui.due.overdue", { n: one.days_overdue })) : null,
      one.kind === "advice" ? button(t("ui.due.done"), async () => { await post(`/follow-ups/due/${encodeURIComponent(one.id)}/done`); toast(t("ui.due.done_told")); await this.load(); }, { testid: "due-done" }) : null);
  }
}

function lastDay(month) {
  const [year, number] = month.split("-").map(Number);
  return iso(new Date(Date.UTC(year, number, 0)));
}
