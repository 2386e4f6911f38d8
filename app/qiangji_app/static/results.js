/** 结果: signed results of the site, one result in full, taking note of it. */
import { cases, post, query, start, t } from "/static/api.js";
import { button, dialog, fill, guarded, h, showError, toast } from "/static/dom.js";
import { callList } from "/static/calls.js";
import { caseRow, demoBadge, liveList, loadCase, messageThread, oldBadge, personLine, placeholder, stateBadge, timeline, urgencyBadge } from "/static/parts.js";
import { reportSection } from "/static/result_view.js";
import { showViewer } from "/static/viewer_host.js";

const MOST = 200; // rows a page asks for, as the server allows

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    new ResultsPage(root).open();
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class ResultsPage {
  constructor(root) {
    this.root = root;
    this.page = h("main", { class: "qp-page qp-results" });
  }

  open() {
    fill(this.root, this.page);
    window.addEventListener("popstate", () => this.show());
    this.show();
  }

  show() {
    if (this.list) this.list.stop();
    if (this.viewer && this.viewer.destroy) this.viewer.destroy();
    this.list = null;
    this.viewer = null;
    const id = new URLSearchParams(location.search).get("case");
    if (id) guarded(() => this.showCase(id));
    else this.showList();
  }

  go(id) {
    history.pushState({}, "", id ? `${location.pathname}?case=${encodeURIComponent(id)}` : location.pathname);
    this.show();
  }

  showList() {
    const box = h("div", { class: "qp-case-list" });
    const count = h("p", { class: "qp-results-count", role: "status", dataset: { testid: "results-count" } });
    const modality = h("select", { class: "qp-input", "aria-label": t("ui.reading.filter.modality"), onchange: () => this.list.refresh() }, ["", "cxr", "ecg"].map((value) => h("option", { value }, value ? t(`ui.modality.${value}`) : t("ui.reading.all_modalities"))));
    const search = h("input", { type: "search", class: "qp-input", placeholder: t("ui.capture.search"), "aria-label": t("ui.capture.search"), oninput: () => this.list.soon() });
    const open = h("input", { type: "checkbox", onchange: () => this.list.refresh() });
    fill(this.page, h("div", { class: "qp-row qp-filter" }, h("h1", {}, t("ui.results.title")), modality, search, h("label", { class: "qp-check" }, open, t("ui.results.only_open"))), count, box);
    this.list = liveList(box, {
      load: async () => {
        const page = await cases({ view: "results", modality: modality.value, state: open.checked ? "signed" : "", q: search.value.trim(), limit: MOST });
        fill(count, h("b", {}, t("ui.results.unread", { n: page.unread })), ` · ${t("ui.results.total", { n: page.total })}`);
        return page;
      },
      row: (row) => caseRow(row, { onopen: () => this.go(row.id), extra: [row.urgency && row.urgency.level === "critical" ? urgencyBadge(row.urgency) : null,
        row.report_version > 1 ? h("span", { class: "qp-badge qp-state-returned", dataset: { testid: "amended" } }, t("ui.result.amended_to", { n: row.report_version })) : null] }), empty: "ui.results.empty",
    });
  }

  async showCase(id) {
    fill(this.page, placeholder("loading", t("ui.common.loading")));
    try {
      this.draw(await loadCase(id));
    } catch (error) {
      if (error.name === "SignedOut") return;
      fill(this.page, button(`← ${t("ui.results.title")}`, () => this.go(null), { kind: "quiet" }), placeholder("error", error.message, button(t("ui.common.retry"), () => this.showCase(id))));
    }
  }

  draw(view) {
    const reports = view.reports.slice().sort((a, b) => b.version - a.version);
    const [newest, ...older] = reports;
    const stage = h("div", { class: "qp-viewer" });
    fill(this.page, this.head(view, newest), callList(view, () => this.showCase(view.id)),
      newest && view.amended_by ? h("p", { class: "qp-card qp-card-warn" }, t("ui.result.being_amended")) : null,
      h("div", { class: "qp-two qp-two-result" },
        h("section", { class: "qp-panel" }, newest ? reportSection(view, newest) : placeholder("empty", t("ui.result.none")),
          older.length ? h("details", { class: "qp-fold" }, h("summary", {}, t("ui.result.older", { n: older.length })), older.map((report) => reportSection(view, report))) : null,
          h("details", { class: "qp-fold" }, h("summary", {}, t("ui.message.title")), messageThread(view, () => this.showCase(view.id))), timeline(view)),
        h("section", { class: "qp-panel qp-panel-dark" }, stage)));
    guarded(async () => { this.viewer = await showViewer(stage, { view, withMap: false }); });
  }

  head(view, newest) {
    const can = view.permissions;
    const link = (format) => h("a", { class: "qp-btn", target: "_blank", rel: "noopener", href: query(`/api/v1/cases/${encodeURIComponent(view.id)}/result.${format}`, { version: newest.version }), dataset: { testid: `open-${format}` } }, t(`ui.result.open_${format}`));
    return h("header", { class: "qp-case-head" }, button("←", () => this.go(null), { kind: "quiet", title: t("ui.results.title"), testid: "back" }), personLine(view.patient), demoBadge(view), oldBadge(view),
      h("span", { class: "qp-fine" }, view.short_id), stateBadge(view.state), urgencyBadge(view.urgency),
      h("span", { class: "qp-grow" }), newest ? [link("html"), link("pdf")] : null,
      can.acknowledge && newest ? button(t("ui.result.acknowledge"), () => this.acknowledge(view, newest), { kind: "primary", testid: "acknowledge" }) : null,
      can.close ? button(t("ui.result.close"), async () => { await post(`/cases/${view.id}/close`, {}); toast(t("ui.result.closed")); await this.showCase(view.id); }, { testid: "close-case" }) : null);
  }

  async acknowledge(view, report) {
    const note = h("textarea", { rows: 2, class: "qp-input", placeholder: t("ui.result.note"), "aria-label": t("ui.result.note"), dataset: { testid: "ack-note" } });
    const done = await dialog({
      title: t("ui.result.acknowledge"),
      body: h("div", {}, h("p", {}, t("ui.result.acknowledge_text", { n: report.version })), h("p", { class: "qp-quote" }, report.impression), note),
      actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.result.acknowledge"), kind: "primary", testid: "ack-yes", run: async () => {
        await post(`/cases/${view.id}/acknowledge`, { report_version: report.version, note: note.value.trim() });
        return true;
      } }],
    });
    if (!done) return;
    toast(t("ui.result.acknowledged"));
    await this.showCase(view.id);
  }
}
