/** A signed result: who, where, when, image, findings, advice, signature, versions. */
import { t } from "/static/api.js";
import { h, showError, when } from "/static/dom.js";
import { known, modalitiesOf, modalitiesText, valueList } from "/static/parts.js";
import { hintsLine } from "/static/reading_sign.js";
import { fieldNames } from "/static/templates.js";

/** One signed version. `compact` leaves out what the page around it already shows. */
export function reportSection(view, report, { compact = false } = {}) {
  const old = Boolean(report.superseded_by);
  return h("article", { class: `qp-result ${old ? "qp-superseded" : ""}`, dataset: { testid: "signed-report", version: report.version } },
    old ? h("div", { class: "qp-stamp" }, t("ui.result.superseded", { n: report.superseded_by })) : null,
    h("header", { class: "qp-row" }, h("h3", {}, t("ui.result.title", { modality: modalitiesText(view) })), h("span", { class: "qp-badge" }, t("ui.result.version", { n: report.version })),
      !report.ai_assisted ? null : h("span", { class: "qp-badge qp-ai-assisted" }, t("ui.result.ai_assisted"))),
    report.amend_reason ? h("p", { class: "qp-card qp-card-warn" }, t("ui.result.amended", { reason: report.amend_reason })) : null,
    compact ? null : people(view),
    fieldList(view, report),
    h("h4", {}, t("ui.report.impression")), h("p", { class: "qp-impression" }, report.impression),
    (report.findings || []).length ? h("p", { class: "qp-chips" }, report.findings.map((one) => h("span", { class: "qp-badge" }, one.text))) : null,
    measured(report.measurements),
    h("h4", {}, t("ui.report.advice")), h("p", { class: "qp-impression" }, report.advice || t("ui.result.no_advice")),
    hintsLine(report.ai_use), signature(report), acknowledged(report));
}

/** When the examination was made by its files; a day that is not of this visit says so. */
function examinedText(view) {
  const first = view.recordings.find((one) => one.examined_on === view.examined_on && one.examined_at);
  const day = first ? when(first.examined_at) : view.examined_on || "";
  return view.examination && view.examination !== "current" ? t(`ui.examined.${view.examination}`, { day }) : day;
}

function people(view) {
  const { patient, clinical } = view;
  const rows = [
    ["ui.form.name", patient.name], ["ui.form.sex", patient.sex && known("ui.sex", patient.sex)], ["ui.form.age_years", patient.age_text],
    ["ui.form.visit_number", clinical.visit_number], ["ui.case.site", view.site.name], ["ui.case.number", view.short_id], ["ui.form.symptom", clinical.symptom],
    ["ui.result.acquired_at", examinedText(view)], ["ui.case.submitted_at", when(view.submitted_at)],
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return h("dl", { class: "qp-facts qp-facts-wide" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value))));
}

function fieldList(view, report) {
  const entries = Object.entries(report.fields || {}).filter(([, text]) => text);
  if (!entries.length) return null;
  const terms = entries.map(([id]) => h("dt", {}, id));
  fieldNames(modalitiesOf(view), report.template_id).then((names) => terms.forEach((term, at) => { term.textContent = names[entries[at][0]] || entries[at][0]; }), showError);
  return h("div", {}, h("h4", {}, t("ui.result.seen")), h("dl", { class: "qp-seen" }, entries.map(([, text], at) => h("div", {}, terms[at], h("dd", {}, text)))));
}

function measured(values) {
  const rows = Object.entries(values || {}).map(([kind, text]) => [known("viewer.film.tool", kind), text]);
  return rows.length ? valueList(rows) : null;
}

function signature(report) {
  const licence = report.signer_licence ? t("ui.result.licence", { n: report.signer_licence }) : "";
  return h("footer", { class: "qp-signature" }, h("span", {}, t("ui.result.signed_by", { name: report.signer_name })), licence && h("span", {}, licence), h("time", {}, when(report.signed_at)),
    h("span", { class: "qp-fine", title: report.content_sha256 }, t("ui.result.checksum", { n: String(report.content_sha256 || "").slice(0, 16) })));
}

function acknowledged(report) {
  const all = report.acknowledged_by || [];
  if (!all.length) return h("p", { class: "qp-fine" }, t("ui.result.not_acknowledged"));
  return h("ul", { class: "qp-fine" }, all.map((one) => h("li", {}, t("ui.result.acknowledged_by", { name: one.name, at: when(one.at) }))));
}
