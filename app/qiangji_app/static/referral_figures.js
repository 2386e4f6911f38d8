/** How many patients went up and down, by month and site. */
import { t } from "/static/api.js";
import { duration, h } from "/static/dom.js";
import { placeholder } from "/static/parts.js";

const COLUMNS = ["up", "emergencies", "accepted", "declined", "arrived", "cancelled", "unanswered", "down", "taken_over"];

/** A table a month, the newest first. */
export function figures(page) {
  if (!page.items.length) return placeholder("empty", t("ui.referral.empty.figures"));
  const months = [...new Set(page.items.map((row) => row.month))];
  return months.map((month) => table(month, page.items.filter((row) => row.month === month)));
}

function table(month, rows) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  return h("section", { class: "qp-panel qp-ref-figures", dataset: { testid: "figures-month" } }, h("h3", {}, month), h("div", { class: "qp-ref-scroll" }, h("table", { class: "qp-ref-table" },
    h("thead", {}, h("tr", {}, h("th", {}, t("ui.referral.figure.site")), COLUMNS.map((name) => h("th", {}, t(`ui.referral.figure.${name}`))), h("th", {}, t("ui.referral.figure.median")))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("td", {}, row.site.name), COLUMNS.map((name) => h("td", { class: "qp-number" }, String(row[name]))), h("td", { class: "qp-number" }, duration(row.median_answer_minutes) || "—")))),
    h("tfoot", {}, h("tr", {}, h("th", {}, t("ui.referral.figure.all")), COLUMNS.map((name) => h("td", { class: "qp-number" }, h("b", {}, String(sum(name))))), h("td", {}))))));
}
