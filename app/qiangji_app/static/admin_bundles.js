/** Models: which are there, in which version, and why one is refused. */
import { get, t } from "/static/api.js";
import { fill, h } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";

const MARKS = { ready: "qp-state-acknowledged", pending: "qp-urgency-undetermined", refused: "qp-urgency-critical" };

export class BundleList {
  constructor() {
    this.rows = h("div", { class: "qp-admin-rows", role: "list" });
    this.element = h("div", {}, h("p", { class: "qp-fine" }, t("ui.admin.bundles_text")), this.rows);
  }

  async load() {
    const all = await get("/bundles");
    fill(this.rows, all.length ? all.map((one) => this.row(one)) : placeholder("empty", t("ui.admin.no_bundle")));
  }

  row(one) {
    return h("article", { class: "qp-admin-row qp-bundle-row", role: "listitem", dataset: { testid: "bundle-row" } }, h("span", {}, h("b", {}, known("ui.admin.bundle", one.name)), h("span", { class: "qp-fine qp-line" }, one.name)), h("span", {}, one.version || "—"),
      h("span", {}, h("span", { class: `qp-badge ${MARKS[one.state] || ""}` }, known("ui.bundle", one.state)), one.reason && h("span", { class: "qp-bad qp-line" }, one.reason)),
      h("span", { class: "qp-fine", title: one.sha256 }, one.sha256 ? t("ui.admin.checksum", { n: one.sha256.slice(0, 16) }) : ""));
  }
}
