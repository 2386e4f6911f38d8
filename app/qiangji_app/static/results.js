/** 结果: signed results of the site, one result in full, taking note of it. */
import { ApiError, cases, get, hasRole, post, query, start, t } from "/static/api.js";
import { button, dialog, every, fill, guarded, h, showError, toast } from "/static/dom.js";
import { callList } from "/static/calls.js";
import { caseRow, demoBadge, liveList, loadCase, messageThread, oldBadge, personLine, placeholder, stateBadge, timeline, urgencyBadge } from "/static/parts.js";
import { reportSection } from "/static/result_view.js";
import { showViewer } from "/static/viewer_host.js";

const FOLLOW_SECONDS = 5; // a report that is being read may be amended meanwhile
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
    if (this.stopFollowing) this.stopFollowing();
    this.stopFollowing = null;
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
      row: (row) => caseRow(row, { onopen: () => this.go(row.id), line: row.impression, extra: [row.urgency && row.urgency.level === "critical" ? urgencyBadge(row.urgency) : null,
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
    this.follow(view);
    guarded(async () => { this.viewer = await showViewer(stage, { view, withMap: false }); });
  }

  /** Watch for a newer version than the page shows; a red line leads to it. */
  follow(view) {
    if (this.stopFollowing) this.stopFollowing();
    const stop = every(FOLLOW_SECONDS, async () => {
      try {
        const { report_version: version } = await get(`/cases/${encodeURIComponent(view.id)}/holder`);
        if (this.stopFollowing === stop && version > view.report_version) this.tellNewer(view, version);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error; // the bar under the header says that the line is down
      }
    }, { now: false });
    this.stopFollowing = stop;
  }

  tellNewer(view, version) {
    const told = this.page.querySelector('[data-testid="newer-version"]');
    if (told && told.dataset.version === String(version)) return;
    if (told) told.remove();
    const words = view.report_version ? t("ui.result.newer", { old: view.report_version }) : t("ui.result.signed_now");
    this.page.prepend(h("section", { class: "qp-newer", role: "alert", dataset: { testid: "newer-version", version: String(version) } }, h("b", {}, words),
      button(t("ui.result.open_newer", { n: version }), () => this.showCase(view.id), { kind: "danger", testid: "open-newer" })));
    for (const one of this.page.querySelectorAll('[data-testid="acknowledge"]')) one.disabled = true;
  }

  head(view, newest) {
    const can = view.permissions;
    const link = (format) => h("a", { class: "qp-btn", target: "_blank", rel: "noopener", href: query(`/api/v1/cases/${encodeURIComponent(view.id)}/result.${format}`, { version: newest.version }), dataset: { testid: `open-${format}` } }, t(`ui.result.open_${format}`));
    return h("header", { class: "qp-case-head" }, button("←", () => this.go(null), { kind: "quiet", title: t("ui.results.title"), testid: "back" }), personLine(view.patient), demoBadge(view), oldBadge(view),
      h("span", { class: "qp-fine" }, view.short_id), stateBadge(view.state), urgencyBadge(view.urgency),
      h("span", { class: "qp-grow" }), newest ? [link("html"), link("pdf")] : null,
      hasRole("village_doctor", "township_doctor") ? h("a", { class: "qp-btn", href: query("/referrals", { new: "up", case: view.id }), dataset: { testid: "refer-case" } }, t("ui.referral.from_case")) : null,
      can.acknowledge && newest ? button(t("ui.result.acknowledge"), () => this.acknowledge(view, newest), { kind: "primary", testid: "acknowledge" }) : null,
      can.close ? button(t("ui.result.close"), async () => { await post(`/cases/${view.id}/close`, {}); toast(t("ui.result.closed")); await this.showCase(view.id); }, { testid: "close-case" }) : null);
  }

  async acknowledge(view, report) {
    const note = h("textarea", { rows: 2, class: "qp-input", placeholder: t("ui.result.note"), "aria-label": t("ui.result.note"), dataset: { testid: "ack-note" } });
    const done = await dialog({
      title: t("ui.result.acknowledge"),
      body: h("div", {}, h("p", {}, t("ui.result.acknowledge_text", { n: report.version })), h("p", { class: "qp-quote" }, report.impression), note),
      actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.result.acknowledge"), kind: "primary", testid: "ack-yes", run: async () => {
        try {
          await post(`/cases/${view.id}/acknowledge`, { report_version: report.version, note: note.value.trim() });
          return t("ui.result.acknowledged");
        } catch (error) {
          if (error.code !== "report.amended") throw error;
          return { amended: error.message };
        }
      } }],
    });
    if (!done) return;
    if (done.amended) toast(done.amended, { kind: "warn" });
    else toast(done);
    await this.showCase(view.id);
  }
}
