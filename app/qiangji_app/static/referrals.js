/** 转诊: what we sent, what is asked of us, follow-ups that are due, figures; one referral in full. */
import { get, getChanged, hasRole, newId, post, query, start, t } from "/static/api.js";
import { button, every, fill, guarded, h, showError, when } from "/static/dom.js";
import { demoBadge, personLine, placeholder } from "/static/parts.js";
import { dueList } from "/static/referral_due.js";
import { reasonsText, routeText, stateMark, urgencyMark, waitMark } from "/static/referral_marks.js";
import { ReferralForm } from "/static/referral_form.js";
import { figures } from "/static/referral_figures.js";
import { ReferralView } from "/static/referral_view.js";

const REFRESH_S = 15;
const SENDING = ["village_doctor", "township_doctor"];
const RECEIVING = ["receiving_doctor", "township_doctor"];

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    await new ReferralsPage(root).open();
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class ReferralsPage {
  constructor(root) {
    this.root = root;
    this.page = h("main", { class: "qp-page qp-referrals" });
    this.isEnded = false;
  }

  async open() {
    fill(this.root, this.page);
    const { boxes, due } = await get("/referrals/waiting");
    this.tabs = [...boxes, "due", "figures"];
    this.due = due;
    window.addEventListener("popstate", () => this.show());
    document.addEventListener("keydown", (event) => this.key(event));
    this.show();
  }

  leave() {
    if (this.stop) this.stop();
    this.stop = null;
    if (this.current && this.current.leave) this.current.leave();
    this.current = null;
  }

  show() {
    this.leave();
    const asked = new URLSearchParams(location.search);
    if (asked.get("referral")) guarded(() => this.showReferral(asked.get("referral")));
    else if (asked.get("new")) guarded(() => this.begin(asked));
    else this.showTab(this.tabs.includes(asked.get("tab")) ? asked.get("tab") : this.firstTab());
  }

  /** Who sends looks for answers first, who is asked for questions. */
  firstTab() {
    return hasRole(...SENDING) ? "sent" : this.tabs[0];
  }

  go(params) {
    history.pushState({}, "", query(location.pathname, params));
    this.show();
  }

  /** Begin a referral as the address asks for: `?new=1&case=…&reason=…&urgency=…`. */
  async begin(asked) {
    const made = await post("/referrals", {
      referral_id: newId(), direction: asked.get("new") === "down" ? "down" : "up", case_id: asked.get("case") || "",
      reasons: asked.getAll("reason"), urgency: asked.get("urgency") || null,
    });
    history.replaceState({}, "", query(location.pathname, { referral: made.id }));
    this.drawReferral(made);
  }

  head(tab) {
    const tabs = h("div", { class: "qp-tabs", role: "tablist" }, this.tabs.map((name) =>
      h("button", { type: "button", class: "qp-tab", role: "tab", "aria-selected": String(name === tab), dataset: { testid: `tab-${name}` }, onclick: () => this.go({ tab: name }) },
        t(`ui.referral.tab.${name}`), name === "due" && this.due ? h("span", { class: "qp-count" }, String(this.due)) : null)));
    return [h("div", { class: "qp-row qp-filter" }, h("h1", {}, t("ui.referral.title")), h("span", { class: "qp-grow" }),
      hasRole(...SENDING) ? button(t("ui.referral.new_up"), () => this.go({ new: "up" }), { kind: "primary", testid: "new-up" }) : null,
      hasRole(...RECEIVING) ? button(t("ui.referral.new_down"), () => this.go({ new: "down" }), { testid: "new-down" }) : null), tabs];
  }

  showTab(tab) {
    this.tab = tab;
    const box = h("div", { class: "qp-case-list" });
    const ended = h("input", { type: "checkbox", checked: this.isEnded, onchange: () => { this.isEnded = ended.checked; this.showTab(tab); } });
    const isBox = !["due", "figures"].includes(tab);
    fill(this.page, this.head(tab), isBox ? h("label", { class: "qp-check" }, ended, t("ui.referral.show_ended")) : null, box);
    this.leave();
    fill(box, placeholder("loading", t("ui.common.loading")));
    if (isBox) this.watch(box, tab);
    else guarded(() => this.fetchInto(box, async () => fill(box, tab === "due" ? dueList(await get("/referral-follow-ups"), { onopen: (id) => this.go({ referral: id }), after: () => this.showTab(tab) }) : figures(await get("/referrals/statistics")))));
  }

  async fetchInto(box, action) {
    try {
      await action();
    } catch (error) {
      if (error.name !== "SignedOut") fill(box, placeholder("error", error.message, button(t("ui.common.retry"), () => this.showTab(this.tab))));
    }
  }

  watch(box, tab) {
    let mark = "";
    const refresh = () => this.fetchInto(box, async () => {
      const changed = await getChanged(query("/referrals", { box: tab, ended: this.isEnded }), mark);
      if (!changed) return;
      mark = changed.mark || "";
      const focused = box.contains(document.activeElement) ? document.activeElement.dataset.referral : "";
      const rows = changed.body.items;
      fill(box, rows.length ? rows.map((row) => this.row(row)) : placeholder("empty", t(`ui.referral.empty.${tab}`)));
      const again = focused && [...box.children].find((one) => one.dataset.referral === focused);
      if (again) again.focus();
    });
    this.stop = every(REFRESH_S, refresh);
  }

  row(row) {
    const level = row.waits ? row.waits.level : 0;
    return h("button", { type: "button", class: `qp-case-row qp-ref-row qp-ref-edge-${level ? "late" : row.urgency}`, dataset: { testid: "referral-row", referral: row.id }, onclick: () => this.go({ referral: row.id }) },
      h("span", { class: "qp-ref-urgency" }, urgencyMark(row), row.is_green_channel ? h("span", { class: "qp-badge qp-ref-green" }, t("ui.referral.green")) : null),
      h("span", { class: "qp-case-main" }, h("span", { class: "qp-case-top" }, personLine(row.patient), demoBadge(row), h("span", { class: "qp-fine" }, row.short_id)),
        h("span", {}, reasonsText(row)), h("span", { class: "qp-fine" }, `${routeText(row)} · ${when(row.requested_at || row.down_at || row.created_at)}`)),
      h("span", { class: "qp-case-side" }, waitMark(row), stateMark(row), row.is_my_turn ? h("span", { class: "qp-badge qp-ref-mine", dataset: { testid: "my-turn" } }, t("ui.referral.my_turn")) : null));
  }

  async showReferral(id) {
    fill(this.page, placeholder("loading", t("ui.common.loading")));
    try {
      this.drawReferral(await get(`/referrals/${encodeURIComponent(id)}`));
    } catch (error) {
      if (error.name === "SignedOut") return;
      fill(this.page, button(`← ${t("ui.referral.title")}`, () => this.go({}), { kind: "quiet" }), placeholder("error", error.message, button(t("ui.common.retry"), () => this.showReferral(id))));
    }
  }

  drawReferral(view) {
    if (this.current && this.current.leave) this.current.leave();
    const ways = { back: () => this.go({}), changed: (after) => this.drawReferral(after), reload: () => this.showReferral(view.id) };
    this.current = view.state === "draft" && view.may.edit ? new ReferralForm(this.page, view, ways) : new ReferralView(this.page, view, ways);
    guarded(() => this.current.draw());
  }

  /** Arrow keys or J and K walk the list; Enter is the row's own. */
  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const rows = [...this.page.querySelectorAll("[data-referral]")];
    if (!step || !rows.length) return;
    event.preventDefault();
    const at = rows.indexOf(document.activeElement);
    rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))].focus();
  }
}

