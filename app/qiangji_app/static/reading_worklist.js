/** The worklist: most urgent first, then longest waiting; the reason is part of the row. */
import { cases, get, session, t } from "/static/api.js";
import { button, debounce, duration, fill, guarded, h } from "/static/dom.js";
import { demoBadge, holderText, known, modalitiesText, modalityText, oldBadge, personLine, partNote, placeholder, SEARCH_MS, siblingLines, stateBadge, truncatedNote, urgencyBadge } from "/static/parts.js";
import { tellTaken } from "/static/reading_holder.js";
import { mismatchMark } from "/static/reading_identity.js";
import { recall, remember } from "/static/store.js";

const REFRESH_S = 10;
const NO_FILTER = { modality: "", site: "", state: "", q: "" };

/** True for a kind that the person at the screen may sign, or for everybody's where none is named. */
function maySign(modality) {
  const signs = session().user.sign_modalities;
  return !signs.length || signs.includes(modality);
}

/** Who signs one kind starts with it; who signs several, with all. */
function firstModality() {
  const signs = session().user.sign_modalities;
  return signs.length === 1 && ["cxr", "ecg"].includes(signs[0]) ? signs[0] : "";
}

export class Worklist {
  constructor({ onopen }) {
    this.onopen = onopen;
    this.filter = { ...NO_FILTER, modality: firstModality(), ...(recall(session().user.id, "worklist") || {}), q: "" };
    this.refreshSoon = debounce(() => this.refresh(), SEARCH_MS);
    this.sites = [];
    this.total = 0;
    this.rows = [];
    this.table = h("div", { class: "qp-work", role: "list" });
    this.status = h("span", { class: "qp-fine", role: "status" });
    this.element = h("div", {}, this.bar(), this.table);
    this.timer = 0;
  }

  bar() {
    this.siteList = h("select", { class: "qp-input", "aria-label": t("ui.case.site"), onchange: () => this.set("site", this.siteList.value) });
    const modality = this.select("modality", ["", "cxr", "ecg"], (value) => (value ? modalityText(value) : t("ui.reading.all_modalities")));
    const state = this.select("state", ["", "submitted", "claimed"], (value) => (value ? known("state", value) : t("ui.reading.all_open")));
    const search = h("input", { type: "search", class: "qp-input", placeholder: t("ui.reading.search"), "aria-label": t("ui.reading.search"), oninput: () => { this.filter.q = search.value.trim(); this.refreshSoon(); } });
    this.fillSites();
    guarded(async () => { this.sites = flatten(await get("/sites")); this.fillSites(); });
    return h("div", { class: "qp-row qp-filter" }, h("h1", {}, t("ui.reading.worklist")), modality, this.siteList, state, search, this.status, h("span", { class: "qp-grow" }),
      button(t("ui.reading.take_next"), async () => { const id = await this.nextAfter(""); if (id) this.onopen(id); }, { kind: "primary", title: "N", testid: "take-next" }));
  }

  select(name, values, text) {
    const list = h("select", { class: "qp-input", "aria-label": t(`ui.reading.filter.${name}`), dataset: { testid: `filter-${name}` }, onchange: () => this.set(name, list.value) },
      values.map((value) => h("option", { value, selected: this.filter[name] === value }, text(value))));
    return list;
  }

  fillSites() {
    fill(this.siteList, h("option", { value: "" }, t("ui.reading.all_sites")), this.sites.map((site) => h("option", { value: site.id, selected: site.id === this.filter.site }, site.name)));
  }

  set(name, value) {
    this.filter[name] = value;
    remember(session().user.id, "worklist", { ...this.filter, q: "" });
    this.refresh();
  }

  resume() {
    if (!this.rows.length) fill(this.table, placeholder("loading", t("ui.common.loading")));
    this.refresh();
    clearInterval(this.timer);
    this.timer = setInterval(() => { if (!document.hidden) this.refresh(); }, REFRESH_S * 1000);
  }

  pause() {
    clearInterval(this.timer);
  }

  async fetch() {
    const { modality, state, site, q } = this.filter;
    const page = await cases({ view: "worklist", modality, state, site, q, limit: 200 });
    return page;
  }

  async refresh() {
    const asked = JSON.stringify(this.filter);
    try {
      const page = await this.fetch();
      if (asked !== JSON.stringify(this.filter)) return;
      Object.assign(this, { rows: page.items, total: page.total, isTruncated: page.truncated });
      this.status.textContent = t("ui.reading.count", { n: page.total });
      this.draw();
    } catch (error) {
      if (error.name !== "SignedOut") fill(this.table, placeholder("error", error.message, button(t("ui.common.retry"), () => this.refresh())));
      return;
    }
    await guarded(() => tellTaken(this.rows));
  }

  draw() {
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.case : "";
    fill(this.table, this.rows.length ? [this.head(), ...this.rows.map((row) => this.row(row))] : placeholder("empty", t("ui.reading.empty")));
    if (this.total > this.rows.length) this.table.prepend(partNote(this.rows.length, this.total));
    if (this.isTruncated) this.table.prepend(truncatedNote());
    const again = focused && [...this.table.querySelectorAll("[data-case]")].find((row) => row.dataset.case === focused);
    if (again) again.focus();
  }

  head() {
    return h("div", { class: "qp-work-row qp-work-head", "aria-hidden": "true" }, ["urgency", "patient", "reason", "site", "waiting", "state"].map((name) => h("span", {}, t(`ui.reading.column.${name}`))));
  }

  row(row) {
    const mine = row.claimed_by && row.claimed_by.is_me;
    const reasons = row.urgency.reasons.map((reason) => reason.text);
    return h("button", { type: "button", class: `qp-work-row qp-edge-${row.urgency.level} ${mine ? "qp-mine" : ""}`, role: "listitem", dataset: { case: row.id, testid: "work-row" }, onclick: () => this.onopen(row.id) },
      h("span", {}, urgencyBadge(row.urgency), row.triage === "done" ? null : h("span", { class: "qp-fine qp-line" }, known("ui.triage", row.triage))),
      h("span", {}, personLine(row.patient), " ", demoBadge(row), " ", oldBadge(row), h("span", { class: "qp-fine qp-line" }, `${modalitiesText(row)} · ${row.short_id}`), siblingLines(row), mismatchMark(row)),
      h("span", { class: "qp-why", title: reasons.join("\n") }, reasons.join(t("list.semicolon")) || (row.triage === "done" ? t("ui.reading.no_reason") : "")),
      h("span", {}, row.site.name), h("span", { class: "qp-number" }, duration(row.waiting_minutes)),
      h("span", {}, stateBadge(row.state), row.claimed_by ? h("span", { class: "qp-fine qp-line" }, holderText(row.claimed_by)) : null,
        row.has_open_call ? h("span", { class: "qp-badge qp-urgency-critical" }, t("ui.call.open")) : null));
  }

  async nextAfter(id) {
    const page = await cases({ view: "worklist", modality: this.filter.modality, limit: 200 });
    const free = page.items.filter((row) => row.id !== id && maySign(row.modality) && (row.state === "submitted" || (row.state === "claimed" && row.claimed_by && row.claimed_by.is_me)));
    return free.length ? free[0].id : null;
  }

  /** Arrow keys or J and K walk, N takes the next; Enter is the button's own. */
  key(name) {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[name];
    if (step) {
      const rows = [...this.table.querySelectorAll("[data-case]")];
      const at = rows.indexOf(document.activeElement);
      const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
      if (next) next.focus();
      return Boolean(next);
    }
    if (name.toLowerCase() !== "n") return false;
    guarded(async () => { const id = await this.nextAfter(""); if (id) this.onopen(id); });
    return true;
  }
}

/** The site tree as a list, whatever its nesting. */
function flatten(tree) {
  const nodes = Array.isArray(tree) ? tree : tree.items || [tree];
  return nodes.flatMap((node) => [node, ...flatten(node.children || [])]);
}
