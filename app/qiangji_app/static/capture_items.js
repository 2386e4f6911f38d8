/** Files of a case: how far each is on its way, its quality, what the AI suspects. */
import { t } from "/static/api.js";
import { bytes, button, dialog, fill, h, when } from "/static/dom.js";
import { aiBox, gateCards, isPending, known, modalityText } from "/static/parts.js";
import { drop, percent, retry } from "/static/upload.js";
import { showViewer } from "/static/viewer_host.js";

/** Kinds of file that name a patient themselves; of others the form speaks. */
const SPEAKING = ["dicom", "wfdb"];

export class ItemList {
  constructor({ onremove, onchange, onmodality }) {
    this.element = h("div", { class: "qp-items", "aria-live": "polite" });
    this.onremove = onremove;
    this.onchange = onchange;
    this.onmodality = onmodality;
    this.rows = new Map();
    this.prints = new Map();
  }

  /** Show uploads under way and the recordings of the case, each once. */
  draw(items, view) {
    const recordings = view ? view.recordings : [];
    const shown = new Set(recordings.map((one) => one.id));
    const entries = [
      ...recordings.map((one) => ({ key: one.id, print: JSON.stringify([one, findingsOf(view, one), view.permissions.edit]), make: () => this.recording(view, one) })),
      ...items.filter((item) => !shown.has(item.recording_id)).map((item) => ({ key: item.upload_id, print: `${item.state}|${item.waiting}`, item, make: () => this.item(item) })),
    ];
    const keys = new Set(entries.map((entry) => entry.key));
    for (const key of [...this.rows.keys()]) if (!keys.has(key)) { this.rows.get(key).remove(); this.rows.delete(key); this.prints.delete(key); }
    entries.forEach((entry, at) => this.place(entry, at));
  }

  place(entry, at) {
    let row = this.rows.get(entry.key);
    if (!row || this.prints.get(entry.key) !== entry.print) {
      const fresh = entry.make();
      if (row) row.replaceWith(fresh);
      this.rows.set(entry.key, fresh);
      this.prints.set(entry.key, entry.print);
      row = fresh;
    }
    if (this.element.children[at] !== row) this.element.insertBefore(row, this.element.children[at] || null);
    if (entry.item && entry.item.state !== "asked") progress(row, entry.item);
  }

  /** A picture does not say what it shows: a person does, and the other files go on meanwhile. */
  question(item) {
    const url = URL.createObjectURL(item.blob);
    const thumb = h("img", { class: "qp-thumb qp-thumb-asked", src: url, alt: item.file_name, onload: () => URL.revokeObjectURL(url) });
    const pick = (value) => button(modalityText(value), () => this.onmodality(value), { kind: "primary", testid: `modality-${value}` });
    return h("article", { class: "qp-item qp-item-asked", dataset: { testid: "upload-item", state: "asked" } },
      h("div", { class: "qp-item-head" }, thumb, h("b", { class: "qp-file" }, item.file_name), h("span", { class: "qp-fine" }, bytes(item.size)),
        button(t("ui.capture.drop_item"), async () => { await drop(item.upload_id); this.onchange(); }, { kind: "quiet" })),
      h("div", { class: "qp-row", role: "group", "aria-label": t("ui.capture.modality_ask", { name: item.file_name }) }, h("span", {}, t("ui.capture.modality_ask", { name: item.file_name })), pick("cxr"), pick("ecg")));
  }

  item(item) {
    if (item.state === "asked") return this.question(item);
    const failed = item.state === "failed";
    return h("article", { class: `qp-item qp-item-${item.state}`, dataset: { testid: "upload-item", state: item.state } },
      h("div", { class: "qp-item-head" }, h("b", { class: "qp-file" }, item.file_name), h("span", { class: "qp-fine" }, bytes(item.size)), h("span", { class: "qp-item-state" }),
        failed && item.size ? button(t("ui.common.retry"), () => retry(item.upload_id), { testid: "retry-upload" }) : null,
        item.state === "stored" ? null : button(t("ui.capture.drop_item"), async () => { await drop(item.upload_id); this.onchange(); }, { kind: "quiet" })),
      failed ? h("p", { class: "qp-field-error" }, item.error.message, item.error.advice ? ` ${item.error.advice}` : "") : null,
      h("progress", { max: 100, value: 0, "aria-label": item.file_name }));
  }

  recording(view, one) {
    const refused = one.refusal || (one.notices || []).some((notice) => notice.severity === "refuse");
    const closed = !isPending(one) && one.state !== "read";
    return h("article", { class: `qp-item qp-item-${closed ? "failed" : "stored"}`, dataset: { testid: "recording", state: one.state, recording: one.id } },
      h("div", { class: "qp-item-head" }, one.thumb_url ? h("img", { class: "qp-thumb", src: one.thumb_url, alt: "" }) : null,
        h("b", { class: "qp-file" }, one.file_name), h("span", { class: "qp-fine" }, one.modality ? modalityText(one.modality) : ""),
        h("span", { class: `qp-item-state ${closed ? "qp-bad" : "qp-ok"}` }, t(closed ? "ui.upload.stored_closed" : "ui.upload.stored")),
        one.kind ? button(t("ui.capture.look"), () => look(view, one), { kind: "quiet", testid: "look" }) : null,
        view.permissions.edit ? button(t(refused ? "ui.capture.replace" : "ui.capture.remove"), () => this.onremove(one), { kind: "quiet", testid: "remove-recording" }) : null),
      one.same_as ? h("p", { class: "qp-card qp-card-warn", dataset: { testid: "same-file" } }, t("ui.capture.same_file", { name: one.same_as })) : null,
      closed ? closedCard(one) : [dateLine(one), gateCards(one), aiBox(one, findingsOf(view, one))]);
  }
}

/** Why a stored file can't be opened, and what to do. */
function closedCard(one) {
  const reasons = one.refusal ? [one.refusal] : one.declined || [];
  return h("div", { class: "qp-card qp-card-refuse", role: "alert", dataset: { testid: "closed" } }, h("b", {}, t("ui.upload.closed")),
    reasons.map((reason) => [h("span", {}, reason.text), reason.advice ? h("p", { class: "qp-advice" }, reason.advice) : null]));
}

/** When the file says it was made and whom it names, at the age of that day; another day in red. */
function dateLine(one) {
  if (!one.examination) return null;
  const day = one.examined_at ? when(one.examined_at) : one.examined_on || "";
  const who = SPEAKING.includes((one.facts || {}).source_kind) ? one.in_file || {} : {};
  const named = [who.name, who.sex && known("ui.sex", who.sex), who.age_text].filter(Boolean).join(" · ");
  return h("p", { class: "qp-fine qp-dated", dataset: { testid: "examined", examination: one.examination } },
    h("span", { class: one.examination === "current" ? "" : "qp-bad qp-strong" }, t(`ui.examined.${one.examination}`, { day })),
    named ? h("span", {}, t("ui.examined.in_file", { person: named })) : null);
}

export function findingsOf(view, recording) {
  return (view.findings || []).filter((finding) => finding.recording_id === recording.id && finding.source !== "specialist");
}

/** Look at a recording in the real viewer; the map stays off until somebody asks for it. */
export async function look(view, recording) {
  const stage = h("div", { class: "qp-viewer qp-viewer-dialog" });
  const closed = dialog({ title: recording.file_name, body: stage, wide: true, testid: "viewer-dialog" });
  const viewer = await showViewer(stage, { view, recording });
  await closed;
  if (viewer && viewer.destroy) viewer.destroy();
}

function progress(row, item) {
  const bar = row.querySelector("progress");
  const label = row.querySelector(".qp-item-state");
  if (bar) { bar.value = percent(item); bar.hidden = item.state === "failed"; }
  if (item.state === "queued") fill(label, t("ui.upload.queued"));
  else if (item.state === "stored") fill(label, t("ui.upload.stored"));
  else if (item.state === "failed") fill(label, t("ui.upload.failed"));
  else fill(label, t(item.waiting ? "ui.upload.waiting" : item.sha256 ? "ui.upload.sending" : "ui.upload.hashing", { n: percent(item) }));
}
