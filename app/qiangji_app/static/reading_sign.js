/** The last look before a signature: who, what, what is empty, what contradicts itself; one dialog. */
import { post, t } from "/static/api.js";
import { dialog, h, toast, when } from "/static/dom.js";
import { contactLine } from "/static/calls.js";
import { known, modalitiesText } from "/static/parts.js";
import { CallFields } from "/static/reading_call.js";
import { PasswordField } from "/static/reading_password.js";

/**
 * Show what the server would sign and sign it. Resolves with the signed case, or null.
 * `sha256` names the stored draft, `template` gives the names of its sections.
 */
export async function signReport(view, { sha256, template }) {
  const found = await post(`/cases/${view.id}/presign`, { draft_sha256: sha256 });
  const password = new PasswordField({ isNeeded: !found.is_unlocked, submit: "sign-yes", failed: t("ui.sign.not_signed") });
  const call = found.needs_call ? new CallFields(view, { text: found.draft.impression }) : null;
  const signed = await dialog({
    title: t("ui.sign.title"), testid: "sign-dialog", wide: true,
    body: h("div", { class: "qp-sign", tabIndex: -1, autofocus: mustRead(view, found) }, warnings(view, found.contradictions), person(view), written(found.draft, template), hintsLine(found.ai_use), call && callSection(view, call), h("p", { class: "qp-fine" }, t("ui.sign.after")), password.element),
    actions: [{ text: t("ui.sign.back"), kind: "quiet", run: () => null },
      { text: t(call ? "ui.sign.and_call" : "ui.reading.sign"), kind: call ? "danger" : "primary", testid: "sign-yes", run: () => send(view, { sha256, call, password }) }],
  });
  if (signed && call) toast(t("ui.call.made"));
  return signed;
}

/** Sign, with the call where one is due; false where something is missing or refused. */
function send(view, { sha256, call, password }) {
  const content = call ? call.read() : null;
  return content === false ? false : password.run((word) => post(`/cases/${view.id}/sign`, { draft_sha256: sha256, password: word, call: content }));
}

/** The call that goes out with a critical report, and whom to telephone. */
function callSection(view, call) {
  return h("section", { class: "qp-sign-call", dataset: { testid: "sign-call" } }, h("b", {}, t("ui.sign.call")), h("p", {}, contactLine(view.contact)), call.element);
}

/** True where the eye must start at the top, not at the password. */
const mustRead = (view, found) => found.needs_call || found.contradictions.length > 0 || (view.differences || []).length > 0 || matchMedia("(max-width: 800px)").matches;

function warnings(view, contradictions) {
  const texts = contradictions.map((one) => one.text);
  if ((view.differences || []).length) texts.push(t("ui.sign.identity", { reason: view.identity_reason }));
  return texts.length ? h("section", { class: "qp-differs", role: "alert", dataset: { testid: "sign-contradictions" } }, h("b", {}, t("ui.sign.check")), h("ul", {}, texts.map((text) => h("li", {}, text)))) : null;
}

function person(view) {
  const { patient } = view;
  const dates = [...new Set(view.recordings.map((one) => (one.examined_at ? when(one.examined_at) : one.examined_on || t("ui.sign.date_unknown", { at: when(one.received_at) }))))];
  return facts([
    [t("ui.form.name"), patient.name || t("ui.person.unnamed"), true], [t("ui.form.sex"), patient.sex && known("ui.sex", patient.sex)],
    [t("ui.sign.age"), patient.age_text], [t("ui.sign.modality"), t("ui.sign.files", { modality: modalitiesText(view), n: view.recordings.length })],
    [t("ui.result.acquired_at"), dates.join(t("ui.ai.comma"))], [t("ui.case.site"), `${view.site.name} · ${view.short_id}`],
  ]);
}

function written(draft, template) {
  const fields = template ? template.fields : [];
  return facts([
    ...(draft.amends_version ? [[t("ui.sign.amends", { n: draft.amends_version }), draft.amend_reason, true]] : []),
    ...fields.map((field) => [field.name, draft.fields[field.id]]),
    [t("ui.report.impression"), draft.impression, true],
    [t("ui.sign.coded"), draft.findings.map((one) => one.text).join(t("ui.ai.comma"))],
    [t("ui.report.measures"), Object.values(draft.measurements).join(t("ui.ai.comma"))],
    [t("ui.report.advice"), draft.advice],
    [t("ui.call.title"), t(draft.is_critical ? "ui.sign.critical_yes" : "ui.sign.critical_no"), draft.is_critical],
  ]);
}

/** Names and values; an empty value is said, not left out. */
function facts(rows) {
  return h("dl", { class: "qp-facts qp-sign-facts" }, rows.map(([name, value, isMain]) => {
    const text = (value || "").trim();
    return h("div", { class: isMain ? "qp-sign-main" : "" }, h("dt", {}, name), h("dd", { class: text ? "" : "qp-empty" }, text || t("ui.sign.empty")));
  }));
}

/** What became of the AI's hints, in one line. */
export function hintsLine(use) {
  if (!use) return null;
  const parts = [
    use.accepted.length ? t("ui.use.accepted", { labels: use.accepted.join(t("ui.ai.comma")) }) : "",
    use.edited.length ? t("ui.use.edited", { labels: use.edited.map((one) => `${one.hint} → ${one.put}`).join(t("ui.ai.comma")) }) : "",
    use.rejected.length ? t("ui.use.rejected", { labels: use.rejected.join(t("ui.ai.comma")) }) : "",
  ].filter(Boolean);
  return h("p", { class: "qp-fine", dataset: { testid: "ai-use" } }, parts.length ? t("ui.use.line", { parts: parts.join(t("list.semicolon")) }) : t("ui.use.none"));
}
