/** Submission, with the two questions that may come back: another patient's file, a refused quality. */
import { get, post, t } from "/static/api.js";
import { askReason, h } from "/static/dom.js";
import { differenceTable } from "/static/capture_form.js";

/** Reading a file takes a second or two; the server stops asking for patience after a minute. */
const READING_PAUSE_MS = 700;

/** Submit a case; resolves with the submitted view, or null when the person went back. */
export async function submitCase(view, form) {
  const body = {};
  if (form.personId) body.person_id = form.personId;
  for (;;) {
    try {
      return await post(`/cases/${view.id}/submit`, body);
    } catch (error) {
      if (error.code === "recording.still_reading") {
        await new Promise((resume) => setTimeout(resume, READING_PAUSE_MS));
        continue;
      }
      const reason = await reasonFor(error, view);
      if (reason === undefined) throw error;
      if (reason === null) return null;
      Object.assign(body, reason);
    }
  }
}

/** Undefined for an error that no reason answers. */
async function reasonFor(error, view) {
  if (error.code === "identity.mismatch") {
    const { differences = [] } = await get(`/cases/${view.id}/warnings`);
    const reason = await askIdentity(String(error.params.fields || "").split(","), differences, t("ui.submit.mismatch_yes"));
    return reason && { identity_reason: reason };
  }
  if (error.code === "gate.override_needed") {
    const reason = await askReason({
      title: t("ui.submit.override"), intro: refusals(view, error), yes: t("ui.submit.override_yes"), kind: "danger",
      choices: [t("ui.submit.override_choice.cannot"), t("ui.submit.override_choice.urgent"), t("ui.submit.override_choice.best")],
    });
    return reason && { override_reason: reason };
  }
  return undefined;
}

/** Why form and file belong to the same patient; null when the person went back. */
export function askIdentity(fields, differences, yes) {
  const intro = h("div", { dataset: { testid: "mismatch" } }, h("p", {}, t("ui.submit.mismatch_text")),
    differenceTable(fields, differences));
  return askReason({
    title: t("ui.submit.mismatch"), intro, yes, kind: "danger",
    choices: [t("ui.submit.mismatch_choice.entered"), t("ui.submit.mismatch_choice.spelling"), t("ui.submit.mismatch_choice.checked")],
  });
}

function refusals(view, error) {
  const notices = view.recordings.flatMap((one) => (one.notices || []).filter((notice) => notice.severity === "refuse"));
  return h("div", { dataset: { testid: "override" } }, h("p", {}, t("ui.submit.override_text")),
    h("ul", { class: "qp-mismatch" }, notices.length ? notices.map((notice) => h("li", {}, notice.text, notice.advice ? ` ${notice.advice}` : "")) : h("li", {}, error.message)));
}
