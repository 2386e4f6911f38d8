/** 采集: a new examination, the site's own cases, results to acknowledge. */
import { cases, hasRole, start, t } from "/static/api.js";
import { button, fill, guarded, h, showError, toast } from "/static/dom.js";
import { caseRow, liveList, loadCase, placeholder } from "/static/parts.js";
import { openCasePanel } from "/static/case_panel.js";
import { NewExamination } from "/static/capture_new.js";

const TABS = ["new", "mine", "results"];
const MOST = 200; // rows a page asks for, as the server allows

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    if (!hasRole("operator", "township_doctor", "village_doctor")) {
      fill(root, placeholder("empty", t("ui.capture.not_for_you")));
      return;
    }
    new CapturePage(root).open();
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class CapturePage {
  constructor(root) {
    this.root = root;
    this.body = h("div", { class: "qp-tab-body" });
    this.tabs = {};
    this.list = null;
  }

  open() {
    const bar = h("div", { class: "qp-tabs", role: "tablist" }, TABS.map((name) => {
      this.tabs[name] = h("button", { type: "button", role: "tab", class: "qp-tab", dataset: { testid: `tab-${name}` }, onclick: () => this.show(name) },
        t(`ui.capture.tab.${name}`), h("span", { class: "qp-count", hidden: true }));
      return this.tabs[name];
    }));
    fill(this.root, h("main", { class: "qp-page qp-capture" }, bar, this.body));
    const asked = new URLSearchParams(location.search);
    this.show(TABS.includes(asked.get("tab")) ? asked.get("tab") : "new");
    if (asked.get("case")) guarded(() => openCasePanel(asked.get("case"), this.hooks()));
    this.counts();
    setInterval(() => { if (!document.hidden) this.counts(); }, 20000);
  }

  hooks() {
    return { onedit: (view) => this.edit(view), onchange: () => this.refresh() };
  }

  show(name) {
    for (const [key, tab] of Object.entries(this.tabs)) tab.setAttribute("aria-selected", String(key === name));
    if (this.list) this.list.stop();
    this.list = null;
    if (this.examination) this.examination.close();
    this.examination = null;
    if (name === "new") this.showNew();
    else this.showList(name);
  }

  showNew() {
    this.examination = new NewExamination(this.body, { onsubmitted: () => this.counts(), onlist: () => this.show("mine"), onnew: () => this.show("new") });
    this.examination.open();
  }

  showList(name) {
    const box = h("div", { class: "qp-case-list" });
    const state = { value: "" };
    const search = h("input", { type: "search", class: "qp-input", placeholder: t("ui.capture.search"), "aria-label": t("ui.capture.search"), oninput: () => this.list.soon() });
    const chips = h("div", { class: "qp-chips", role: "group" }, ["", "draft", "submitted", "claimed", "returned", "signed", "acknowledged"].map((value) =>
      h("button", { type: "button", class: "qp-chip", "aria-pressed": String(value === ""), onclick: (event) => {
        state.value = value;
        for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip === event.currentTarget));
        this.list.refresh();
      } }, value ? t(`state.${value}`) : t("ui.common.all"))));
    fill(this.body, h("div", { class: "qp-row qp-filter" }, search, name === "mine" ? chips : null), box);
    this.list = liveList(box, {
      load: () => this.load(name, search.value.trim(), state.value),
      row: (row) => caseRow(row, { onopen: () => this.openRow(row), extra: this.quick(row) }),
      empty: `ui.capture.empty.${name}`,
    });
  }

  async load(name, q, state) {
    if (name === "mine") return cases({ view: "mine", q, state, limit: MOST });
    return cases({ view: "results", state: "signed", q, limit: MOST });
  }

  quick(row) {
    return row.state === "returned" ? h("span", { class: "qp-badge qp-toack" }, t("ui.capture.retake")) : null;
  }

  async openRow(row) {
    if (row.needs_acknowledgement) {
      location.assign(`/results?case=${encodeURIComponent(row.id)}`);
      return;
    }
    if (row.state === "draft" || row.state === "returned") await this.edit(await loadCase(row.id));
    else await openCasePanel(row.id, this.hooks());
  }

  /** Take a draft or a returned case up again: one click from the list to the retake. */
  async edit(view) {
    NewExamination.adopt(view);
    this.show("new");
    if (view.state === "returned") toast(t("ui.capture.retake_hint"));
  }

  refresh() {
    if (this.list) this.list.refresh();
    this.counts();
  }

  async counts() {
    try {
      const [returned, results] = await Promise.all([
        cases({ view: "mine", state: "returned", limit: 1 }), cases({ view: "results", limit: 1 })]);
      this.count("mine", returned.total);
      this.count("results", results.unread);
    } catch (error) {
      if (error.name !== "ApiError" && error.name !== "SignedOut") throw error; // the list itself reports a lost link
    }
  }

  count(name, value) {
    const badge = this.tabs[name].querySelector(".qp-count");
    badge.hidden = !value;
    badge.textContent = String(value);
  }
}
