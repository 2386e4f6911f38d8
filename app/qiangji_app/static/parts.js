/** Pieces that several pages show the same way: badges, gate cards, AI hints, messages. */
import { get, hasText, labels, post, session, t } from "/static/api.js";
import { contactLine, seenButton, seenLine } from "/static/calls.js";
import { button, debounce, duration, fill, guarded, h, when } from "/static/dom.js";

/** Code of the notice that a film shows no chest. */
const NOT_CHEST = "film.not_chest";

/** Text of a code of ours, or the code itself when the catalogue does not know it. */
export function known(prefix, code) {
  const key = `${prefix}.${code}`;
  return hasText(key) ? t(key) : code;
}

export const stateBadge = (state) => h("span", { class: `qp-badge qp-state-${state}` }, known("state", state));

export function urgencyBadge(urgency) {
  const level = (urgency && urgency.level) || "undetermined";
  return h("span", { class: `qp-badge qp-urgency-${level}` }, known("ui.urgency", level));
}

export const modalityText = (modality) => (modality ? known("ui.modality", modality) : t("ui.modality.unknown"));

/** Kinds of examination that a case holds. */
export const modalitiesOf = (row) => (row.modalities && row.modalities.length ? row.modalities : [row.modality].filter(Boolean));

/** `胸片 + 心电图`. */
export const modalitiesText = (row) => modalitiesOf(row).map(modalityText).join(" + ") || t("ui.modality.unknown");

/** `同时提交的心电图申请 · 待阅`: a line for each request that went up together with this one. */
export function siblingLines(row, { link = "" } = {}) {
  return (row.siblings || []).map((one) => {
    const text = t("ui.sibling.line", { kind: modalityText(one.modality) });
    const name = link && one.id ? h("a", { href: `${link}?case=${encodeURIComponent(one.id)}` }, text) : text;
    return h("span", { class: "qp-fine qp-line qp-sibling", dataset: { testid: "sibling" } }, name, " ", stateBadge(one.state));
  });
}

export const demoBadge = (row) => (row.is_demo ? h("span", { class: "qp-badge qp-demo" }, t("ui.common.demo")) : null);

/** The day of an examination that is not of the visit for which it goes up; null for one that is. */
export function oldBadge(row) {
  if (row.examination !== "old" && row.examination !== "future") return null;
  return h("span", { class: "qp-badge qp-urgency-urgent", dataset: { testid: "old-examination" } }, t(`ui.examined.${row.examination}`, { day: row.examined_on }));
}

/** Who reads a claimed case. */
export function holderText(holder) {
  if (holder.is_me) return t("ui.reading.by_me");
  return holder.name ? t("ui.reading.by_name", { name: holder.name }) : t("ui.reading.by_other");
}

/** Name, sex, age in one line. */
export function personLine(patient) {
  const facts = [
    patient.sex ? known("ui.sex", patient.sex) : "",
    patient.age_text,
  ].filter(Boolean);
  return h("span", { class: "qp-person" }, h("b", {}, patient.name || t("ui.person.unnamed")), facts.length ? ` ${facts.join(" · ")}` : "");
}

/** Who says so, unless the text begins with it. */
function sourceChip(reason) {
  const source = known("ui.source", reason.source);
  return reason.text.startsWith(source) ? null : h("span", { class: "qp-source" }, source);
}

/** Why a case is as urgent as it is. */
export function reasonList(urgency) {
  const reasons = (urgency && urgency.reasons) || [];
  return h("ul", { class: "qp-reasons" }, reasons.map((reason) =>
    h("li", {}, sourceChip(reason), reason.text)));
}

/** A loading, empty or error state in the middle of an area. */
export function placeholder(kind, text, action = null) {
  return h("div", { class: `qp-placeholder qp-placeholder-${kind}`, role: kind === "error" ? "alert" : "status" },
    kind === "loading" ? h("span", { class: "qp-spinner" }) : null, h("p", {}, text), action);
}

/**
 * The strong alarm of AI or measurements: look at the patient first. Null where there is none, and
 * once a physician has answered. `compact` is for the specialist, who is not at the bedside; with
 * `after` a doctor of the site can say that he has looked.
 */
export function alarm(view, { compact = false, after = null } = {}) {
  if (!view.urgency || view.urgency.level !== "critical" || !["draft", "submitted", "claimed", "returned"].includes(view.state)) return null;
  const machine = view.urgency.reasons.filter((reason) => reason.level === "critical" && (reason.source === "model" || reason.source === "measurement"));
  if (!machine.length) return null;
  const repeats = raisedBy(view).map((modality) => h("li", {}, t(modality === "cxr" ? "ui.alarm.repeat_film" : "ui.alarm.repeat_ecg")));
  return h("section", { class: "qp-alarm", role: "alert", dataset: { testid: "alarm" } },
    h("h3", {}, t(compact ? "ui.alarm.compact" : "ui.alarm.title")),
    compact ? null : h("ol", {}, h("li", {}, t("ui.alarm.patient")), repeats, h("li", {}, t("ui.alarm.county"))),
    h("p", {}, machine.map((reason) => reason.text).join(t("list.semicolon"))),
    contactLine(view.contact), view.alarm_seen ? seenLine(view.alarm_seen) : null,
    after && !view.alarm_seen && view.permissions.see_alarm && view.site.id === session().user.site.id ? seenButton(view.id, after) : null,
    h("p", { class: "qp-watermark-line" }, t("ui.ai.watermark")));
}

/** Modalities of the recordings that raised the alarm: the advice is for these, whatever else the case holds. */
function raisedBy(view) {
  const hinted = new Set((view.findings || []).filter((one) => one.source === "ai" && isFlagged(one) && (labels()[one.label] || {}).urgency === "critical").map((one) => one.recording_id));
  const raised = view.recordings.filter((one) => hinted.has(one.id) || (one.statements || []).some((statement) => statement.level === "critical"));
  const found = [...new Set(raised.map((one) => one.modality).filter(Boolean))];
  return found.length ? found : [view.modality || (view.recordings[0] || {}).modality];
}

/** True while the server has not finished checking and reading a recording. */
export function isPending(recording) {
  return recording.ai_status ? recording.ai_status === "pending" : recording.state === "stored";
}

/** True for a label that says something is wrong; "normal" labels are never shown as a hint. */
export const isAbnormal = (finding) => !labels()[finding.label] || labels()[finding.label].is_abnormal;

const RANKS = ["likely", "possible"];

/** Hints the strongest first: by word, then by number; what is withheld comes last. */
export function byStrength(findings) {
  const rank = (finding) => (finding.suppressed_by || !RANKS.includes(finding.flag) ? RANKS.length : RANKS.indexOf(finding.flag));
  return [...findings].sort((one, other) => rank(one) - rank(other) || (other.probability || 0) - (one.probability || 0));
}

const isFlagged = (finding) => finding.flag !== "none" && !finding.suppressed_by && isAbnormal(finding);

const ALARMING = ["critical", "urgent", "priority"];

/** True only where the AI read the recording to its end and nothing at all was raised or withheld. */
function isUnremarkable(recording, findings) {
  return recording.ai_status === "done" && !(recording.statements || []).some((one) => ALARMING.includes(one.level))
    && !(recording.contradictions || []).length
    && !(recording.bundles || []).some(isUnfamiliar)
    && !findings.some((finding) => finding.suppressed_by || (isAbnormal(finding) && (finding.flag !== "none" || finding.is_uncertain)));
}

/** Of a picture of something else, exposure and borders say nothing. */
function aboutTheFile(notices) {
  const isOther = notices.some((notice) => notice.code === NOT_CHEST);
  return isOther ? notices.filter((notice) => notice.code === NOT_CHEST || !notice.code.startsWith("film.")) : notices;
}

/** Quality of one recording: a card a notice, or one green card. */
export function gateCards(recording) {
  if (isPending(recording)) return h("div", { class: "qp-card qp-card-wait" }, h("span", { class: "qp-spinner" }), t("ui.gate.checking"));
  const notices = [...(recording.refusal ? [{ ...recording.refusal, severity: "refuse" }] : []), ...(recording.notices || [])];
  const shown = aboutTheFile(notices);
  const wasChecked = recording.ai_status === "done" || recording.ai_status === "out_of_scope";
  if (!notices.length && !wasChecked) return null; // nothing is called good that was not checked
  if (!notices.length) return h("div", { class: "qp-card qp-card-ok" }, t("ui.gate.good"));
  return h("div", { class: "qp-cards" }, shown.map((notice) =>
    h("div", { class: `qp-card qp-card-${notice.severity === "refuse" ? "refuse" : "warn"}`, dataset: { testid: `gate-${notice.code}` } },
      h("b", {}, t(notice.severity === "refuse" ? "ui.gate.refuse" : "ui.gate.warn")), h("span", {}, notice.text),
      notice.advice && h("p", { class: "qp-advice" }, notice.advice))));
}

/**
 * What the AI says about one recording, or why it says nothing; always watermarked until a physician
 * signed (`isSigned`). `review` replaces the plain list.
 */
export function aiBox(recording, findings, review = null, { isSigned = false } = {}) {
  const status = recording.ai_status;
  if (!status) return null; // hints are not for this account
  const body = status === "done" ? hints(recording, findings, review) : h("p", {}, recording.ai_text);
  return h("section", { class: `qp-ai qp-ai-${status}`, dataset: { testid: "ai-box" } },
    h("header", {}, h("b", {}, t("ui.ai.title")), isSigned ? h("span", { class: "qp-ok" }, t("ui.hints.judged")) : h("span", { class: "qp-watermark-line" }, t("ui.ai.watermark"))),
    status === "pending" ? h("p", {}, h("span", { class: "qp-spinner" }), t("ui.ai.status.pending")) : body,
    status === "pending" ? null : [statements(recording.statements), statements(recording.contradictions, "contradictions"), declined(recording), bundleLine(recording)]);
}

function hints(recording, findings, review) {
  const flagged = findings.filter(isFlagged);
  const suppressed = findings.filter((finding) => finding.suppressed_by);
  return h("div", {}, unfamiliarLine(recording),
    flagged.length ? [h("p", { class: "qp-fine" }, t("ui.hints.meaning")), review || h("ul", { class: "qp-hints" }, byStrength(flagged).map(hintLine))] : [isUnremarkable(recording, findings) ? h("p", { class: "qp-nothing" }, t("ui.ai.nothing")) : null, review],
    suppressed.length && !review ? h("ul", { class: "qp-hints qp-suppressed" }, suppressed.map((finding) =>
      h("li", {}, `${finding.label_text}${t("list.colon")}${finding.suppressed_text || t("ui.ai.suppressed")}`))) : null,
    uncertainLine(findings), missesLine(findings));
}

const isUnfamiliar = (bundle) => Boolean(bundle.novelty && bundle.novelty.is_unfamiliar);

/** Said once a recording: what the numbers below are worth is not known. */
function unfamiliarLine(recording) {
  const found = (recording.bundles || []).filter(isUnfamiliar);
  return found.length ? h("p", { class: "qp-doubt", dataset: { testid: "unfamiliar" } }, t("ui.ai.unfamiliar"), h("span", { class: "qp-fine" }, ` ${found.map((one) => one.name).join(", ")}`)) : null;
}

/** Labels that are neither safely flagged nor safely left out, beside the list of hints. */
function uncertainLine(findings) {
  const found = findings.filter((finding) => finding.is_uncertain && finding.flag === "none" && isAbnormal(finding));
  return found.length ? h("p", { class: "qp-doubt", dataset: { testid: "uncertain" } }, h("b", {}, t("ui.hints.abstain")), ":",
    found.map((finding) => `${finding.label_text}${bandText(finding) ? ` ${bandText(finding)}` : ""}`).join(t("ui.ai.comma"))) : null;
}

/** Labels that the AI often misses, and is silent about here: silence about them says little. */
function missesLine(findings) {
  const often = findings.filter((finding) => finding.flag === "none" && !finding.suppressed_by && isAbnormal(finding) && typeof finding.missed_often_at === "number");
  return often.length ? h("p", { class: "qp-doubt", dataset: { testid: "often-missed" } }, h("b", {}, t("ui.hints.misses")), " ",
    often.map((finding) => t("ui.hints.missed", { label: finding.label_text, p: Math.round(finding.missed_often_at * 100) })).join(t("ui.ai.comma"))) : null;
}

/** `62 %(48–74 %)`, or nothing where the bundle gives no band. */
function bandText(finding) {
  const shares = [finding.probability, finding.probability_low, finding.probability_high];
  if (shares.some((share) => share === null || share === undefined)) return "";
  const [p, low, high] = shares.map((share) => String(Math.round(share * 100)));
  return t("ui.ai.band", { p, low, high });
}

function hintLine(finding) {
  return h("li", { class: `qp-hint qp-flag-${finding.flag}` }, h("b", {}, finding.label_text), flagLine(finding));
}

/** `高于严格提示线 62 %(48–74 %) ⓘ`; without a band the number is in the tooltip only: alone it misleads. */
export function flagLine(finding, lead = "") {
  const detail = flagDetail(finding);
  return h("span", { title: detail }, lead, known("flag", finding.flag), bandText(finding) ? ` ${bandText(finding)}` : "", lineText(finding),
    finding.is_uncertain ? h("span", { class: "qp-badge qp-badge-doubt" }, t("ui.ai.uncertain_mark")) : null,
    detail ? h("span", { class: "qp-muted", role: "img", "aria-label": detail }, " ⓘ") : null);
}

/** Where the line of the hint lies, beside its number. */
function lineText(finding) {
  if (finding.flag === "none" || !bandText(finding) || finding.threshold === null || finding.threshold === undefined) return "";
  const percent = finding.threshold * 100;
  return ` · ${t("ui.hints.line", { line: percent < 10 ? percent.toFixed(1) : Math.round(percent) })}`;
}

function flagDetail(finding) {
  const parts = [];
  if (bandText(finding)) parts.push(t("ui.ai.band_meaning"));
  else if (finding.probability !== null && finding.probability !== undefined) parts.push(t("ui.ai.probability", { p: finding.probability.toFixed(2) }));
  if (finding.operating_point) parts.push(known("ui.point", finding.operating_point.split("-")[0]));
  return parts.join(", ");
}

/** Measured facts, or where they and the model contradict each other: a line each, in the colour of its urgency. */
function statements(stored, kind = "statements") {
  const all = stored || [];
  if (!all.length) return null;
  return h("ul", { class: "qp-statements", dataset: { testid: kind } }, all.map((statement) => h("li", { class: `qp-level-${statement.level}` }, statement.text)));
}

function declined(recording) {
  const all = (recording.declined || []).filter((one) => one.text && !one.is_other_bundle);
  return all.length ? h("ul", { class: "qp-fine" }, all.map((one) => h("li", {}, one.bundle ? `${one.bundle}${t("list.colon")}` : "", one.text, one.advice ? ` ${one.advice}` : ""))) : null;
}

function bundleLine(recording) {
  const bundles = recording.bundles || [];
  if (!bundles.length) return null;
  const names = bundles.map((bundle) => `${bundle.name} ${bundle.version} (${String(bundle.sha256).slice(0, 8)})`).join(", ");
  const total = recording.ms && recording.ms.total !== undefined ? ` · ${Math.round(recording.ms.total)} ms` : "";
  return h("p", { class: "qp-fine" }, `${t("ui.ai.bundle")} ${names}${total}`);
}

/** Values shown beside a report, in reading order; the ECG viewer shows all of them. */
const MEASURED = { ventricular_bpm: "/min", atrial_bpm: "/min", pr_ms: "ms", qrs_ms: "ms", qt_ms: "ms", qtc_ms: "ms", axis_deg: "°" };
const MARKS = ["is_without_qrs", "is_flat", "is_chaotic", "is_wide_qrs_tachycardia", "is_paced", "is_irregularly_irregular", "is_flutter", "is_av_dissociated", "is_wide_qrs", "is_low_voltage_limb"];

/** The main measured values of an ECG; null where nothing was measured. */
export function measurementTable(measurements) {
  if (!measurements || !("ventricular_bpm" in measurements)) return null;
  const rows = Object.entries(MEASURED).map(([name, unit]) => {
    const value = measurements[name];
    return [t(`viewer.ecg.value.${name}`, { formula: measurements.qtc_formula || "" }), value === null || value === undefined ? t("ui.measure.none") : `${Math.round(value)} ${unit}`];
  });
  const marks = MARKS.filter((name) => measurements[name] === true).map((name) => t(`viewer.ecg.value.${name}`));
  return h("div", {}, valueList(rows), marks.length ? h("p", { class: "qp-chips" }, marks.map((text) => h("span", { class: "qp-badge qp-state-returned" }, text))) : null);
}

/** Pairs of name and value. */
export function valueList(rows) {
  return h("dl", { class: "qp-measures" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** The thread of a case with a line to write in. */
export function messageThread(view, after) {
  const input = h("textarea", { class: "qp-input", rows: 2, placeholder: t("ui.message.placeholder"), "aria-label": t("ui.message.placeholder") });
  const list = (view.messages || []).map((message) => h("li", { class: `qp-message qp-message-${message.kind}` },
    h("span", { class: "qp-fine" }, `${message.author} · ${when(message.at)}`),
    message.kind === "message" ? null : h("b", {}, `${known("ui.message.kind", message.kind)} ${message.reason_text || ""}`), h("span", {}, message.text)));
  return h("div", { class: "qp-thread" },
    list.length ? h("ul", {}, list) : h("p", { class: "qp-muted" }, t("ui.message.none")),
    view.permissions.message ? h("div", { class: "qp-row" }, input, button(t("ui.message.send"), async () => {
      if (!input.value.trim()) return;
      await post(`/cases/${view.id}/messages`, { text: input.value.trim() });
      input.value = "";
      await after();
    })) : null);
}

export function timeline(view) {
  return h("details", { class: "qp-fold" }, h("summary", {}, t("ui.case.timeline")),
    h("ol", { class: "qp-timeline" }, (view.timeline || []).map((entry) => h("li", {}, h("time", {}, when(entry.at)), ` ${entry.text} `, h("span", { class: "qp-muted" }, entry.actor || "")))));
}

/** What the requester wrote. */
export function requestBox(view) {
  const { patient, clinical } = view;
  const rows = [
    ["ui.form.requested", known("ui.requested", clinical.requested)], ["ui.form.onset_at", when(clinical.onset_at)],
    ["ui.form.symptom", clinical.symptom], ["ui.form.history", clinical.history], ["ui.form.visit_number", clinical.visit_number],
    ["ui.form.birth_date", patient.birth_date], ["ui.form.phone", patient.phone], ["ui.form.patient_id", patient.patient_id],
    ["ui.case.site", view.site && view.site.name], ["ui.case.submitted_at", when(view.submitted_at)],
    ["ui.case.override_reason", view.override_reason], ["ui.case.identity_reason", view.identity_reason],
  ].filter(([, value]) => value);
  return h("dl", { class: "qp-facts" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value))));
}

/** How long a search waits for the next letter. */
export const SEARCH_MS = 250;

/** A list that keeps itself fresh: `load` gives rows, `row` draws one; only the newest question's answer is shown. */
export function liveList(element, { load, row, empty, every: seconds = 20 }) {
  let stamp = "";
  let newest = 0;
  const refresh = async () => {
    newest += 1;
    const mine = newest;
    try {
      const page = await load();
      if (mine !== newest) return null;
      const print = JSON.stringify([page.items, page.total, page.truncated]);
      if (print === stamp) return page;
      stamp = print;
      fill(element, page.items.length ? page.items.map(row) : placeholder("empty", t(empty)));
      if (page.total > page.items.length) element.prepend(partNote(page.items.length, page.total));
      if (page.truncated) element.prepend(truncatedNote());
      return page;
    } catch (error) {
      if (error.name === "SignedOut" || mine !== newest) return null;
      stamp = "";
      fill(element, placeholder("error", error.message, button(t("ui.common.retry"), refresh)));
      return null;
    }
  };
  fill(element, placeholder("loading", t("ui.common.loading")));
  const timer = setInterval(() => { if (!document.hidden) refresh(); }, seconds * 1000);
  refresh();
  const soon = debounce(refresh, SEARCH_MS);
  return { refresh, soon, stop: () => { clearInterval(timer); soon.cancel(); newest += 1; } };
}

/** Says that a list goes on beyond what is shown. */
export const partNote = (n, total) => h("p", { class: "qp-card qp-card-warn", role: "note", dataset: { testid: "list-part" } }, t("ui.list.part", { n, total }));

/** Says that a search did not look at every case. */
export const truncatedNote = () => h("p", { class: "qp-card qp-card-warn", role: "note", dataset: { testid: "truncated" } }, t("ui.list.truncated"));

/** Row of a case in a list of the site. */
export function caseRow(row, { onopen, extra = null, line = "" }) {
  const waiting = row.state === "submitted" || row.state === "claimed" ? t("ui.case.waiting", { time: duration(row.waiting_minutes) }) : "";
  return h("button", { type: "button", class: `qp-case-row qp-edge-${row.urgency ? row.urgency.level : "routine"}`, dataset: { testid: "case-row", case: row.id }, onclick: () => guarded(onopen) },
    row.thumb_url ? h("img", { src: row.thumb_url, alt: "", class: "qp-thumb", loading: "lazy" }) : h("span", { class: "qp-thumb qp-thumb-none" }, modalitiesText(row)),
    h("span", { class: "qp-case-main" }, h("span", { class: "qp-case-top" }, personLine(row.patient), demoBadge(row), oldBadge(row)),
      h("span", { class: "qp-fine" }, [row.short_id, modalitiesText(row), when(row.submitted_at || row.created_at), waiting].filter(Boolean).join(" · ")),
      line ? h("span", { class: "qp-row-impression", dataset: { testid: "row-impression" } }, line.trim().split("\n", 1)[0]) : null, siblingLines(row),
      row.returned_reason ? h("span", { class: "qp-returned" }, `${t("ui.case.returned")} ${row.returned_reason.reason_text} ${row.returned_reason.text}`) : null),
    h("span", { class: "qp-case-side" }, stateBadge(row.state),
      row.has_open_call ? h("span", { class: "qp-badge qp-urgency-critical" }, t("ui.call.title")) : null, extra));
}

/** The case view, read again. */
export const loadCase = (id) => get(`/cases/${encodeURIComponent(id)}`);
