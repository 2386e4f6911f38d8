/** 审计: is the log whole, and who did or looked at what. No patient's name is in it. */
import { get, hasRole, post, query, start, t } from "/static/api.js";
import { dayInput } from "/static/dates.js";
import { button, fill, h, showError, when } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";

const ROWS = 50;
const TYPES = { changes: ["", "account", "site", "session", "case", "recording", "finding", "report", "call", "alarm", "message", "visit", "advice", "register", "follow_up", "plan", "disease_report", "recognition", "decision", "audit"], reads: ["", "case", "recording", "map", "result", "visit", "register", "follow_up", "recognition", "audit"] };

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    if (hasRole("auditor")) await new AuditPage(root).open();
    else fill(root, placeholder("empty", t("ui.audit.not_for_you")));
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class AuditPage {
  constructor(root) {
    this.root = root;
    this.offset = 0;
    this.result = h("div", { role: "status", dataset: { testid: "audit-result" } });
    this.rows = h("div", { class: "qp-admin-rows", role: "list" });
    this.foot = h("div", { class: "qp-row qp-center" });
  }

  async open() {
    const search = () => this.search(0);
    this.chain = select("chain", Object.keys(TYPES), (value) => t(`ui.audit.chain.${value}`), () => { this.fillTypes(); return search(); });
    this.type = h("select", { class: "qp-input", "aria-label": t("ui.audit.type"), dataset: { testid: "filter-type" }, onchange: search });
    this.actor = h("select", { class: "qp-input", "aria-label": t("ui.audit.actor"), dataset: { testid: "filter-actor" }, onchange: search }, h("option", { value: "" }, t("ui.audit.all_actors")));
    this.caseId = h("input", { type: "search", class: "qp-input", placeholder: t("ui.audit.case"), "aria-label": t("ui.audit.case"), dataset: { testid: "filter-case" }, onchange: search });
    [this.since, this.until] = ["since", "until"].map((name) => dayInput({ label: t(`ui.audit.${name}`), dataset: { testid: `filter-${name}` }, onday: search }));
    this.fillTypes();
    fill(this.root, h("main", { class: "qp-page qp-audit" },
      h("section", { class: "qp-panel" }, h("div", { class: "qp-row" }, h("h1", {}, t("ui.audit.whole")), h("span", { class: "qp-grow" }), button(t("ui.audit.verify"), () => this.verify(), { kind: "primary", testid: "verify" })),
        h("p", { class: "qp-fine" }, t("ui.audit.verify_text")), this.result),
      h("section", { class: "qp-panel" }, h("h2", {}, t("ui.audit.events")), h("p", { class: "qp-fine" }, t("ui.audit.events_text")),
        h("div", { class: "qp-row qp-filter" }, this.chain, this.type, this.actor, this.caseId, this.since, this.until), this.rows, this.foot)));
    await this.search(0);
  }

  fillTypes() {
    fill(this.type, TYPES[this.chain.value].map((value) => h("option", { value }, value ? t(`ui.audit.kind.${value}`) : t("ui.audit.all_types"))));
  }

  async verify() {
    fill(this.result, placeholder("loading", t("ui.audit.checking")));
    try {
      const found = await post("/audit/verify");
      const words = t(found.problem_count ? "ui.audit.damaged" : "ui.audit.sound", { events: found.events, reports: found.reports, n: found.problem_count, at: when(found.at, { seconds: true }) });
      fill(this.result, h("div", { class: `qp-card ${found.problem_count ? "qp-card-refuse" : "qp-card-ok"}` }, h("b", {}, words), found.problems.length ? h("ul", { class: "qp-full" }, found.problems.map((one) => h("li", {}, one))) : null));
    } catch (error) {
      fill(this.result);
      throw error;
    }
  }

  async search(offset) {
    const asked = query("/audit/events", { chain: this.chain.value, type: this.type.value, actor: this.actor.value, case: this.caseId.value.trim(), since: dayStart(this.since.value, 0), until: dayStart(this.until.value, 1), limit: ROWS, offset });
    this.asked = asked;
    try {
      const page = await get(asked);
      if (this.asked === asked) this.draw(page, offset);
    } catch (error) {
      if (error.name !== "SignedOut" && this.asked === asked) fill(this.rows, placeholder("error", error.message, button(t("ui.common.retry"), () => this.search(offset))));
    }
  }

  draw(page, offset) {
    if (this.actor.options.length === 1) this.actor.append(...Object.entries(page.actors).map(([id, name]) => h("option", { value: id }, name)));
    fill(this.rows, page.items.length ? page.items.map((one) => this.row(one)) : placeholder("empty", t("ui.audit.none")));
    const last = Math.min(offset + ROWS, page.total);
    fill(this.foot, button(t("ui.audit.newer"), () => this.search(offset - ROWS), { disabled: offset === 0, testid: "newer" }), h("span", { class: "qp-fine" }, t("ui.audit.range", { from: page.total ? offset + 1 : 0, to: last, n: page.total })),
      button(t("ui.audit.older"), () => this.search(offset + ROWS), { disabled: last >= page.total, testid: "older" }));
  }

  row(one) {
    const facts = Object.entries(one.payload).filter(([, value]) => value !== "" && value !== null).map(([name, value]) => `${name}=${String(value).length > 24 ? `${String(value).slice(0, 24)}…` : value}`);
    return h("article", { class: "qp-admin-row qp-event-row", role: "listitem", title: `#${one.number} ${one.type}`, dataset: { testid: "event-row", type: one.type } }, h("time", {}, when(one.at, { seconds: true })), h("b", {}, one.text), h("span", {}, one.actor),
      h("span", { class: "qp-fine" }, one.case_id ? h("button", { type: "button", class: "qp-chip", title: t("ui.audit.only_case"), onclick: () => { this.caseId.value = one.case_id; this.search(0); } }, one.case_id.slice(-8)) : ""), h("span", { class: "qp-fine" }, facts.join(" · ")));
  }
}

function select(name, values, words, onchange) {
  const list = h("select", { class: "qp-input", "aria-label": t(`ui.audit.${name}`), dataset: { testid: `filter-${name}` }, onchange }, values.map((value) => h("option", { value }, words(value))));
  return list;
}

/** Beginning of a local day, some days on, with its offset; empty for no day. */
function dayStart(day, plus) {
  if (!day) return "";
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + plus).toISOString();
}
