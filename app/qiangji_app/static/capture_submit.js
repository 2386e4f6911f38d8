/** Submission, with the two questions that may come back: another patient's file, a refused quality. */
import { get, post, t } from "/static/api.js";
import { askReason, dialog, h } from "/static/dom.js";
import { askIdentity } from "/static/identity_reasons.js";

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
      if (error.code === "case.nothing_readable") {
        await sayClosed(error, view);
        return null;
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
    const given = await askIdentity(String(error.params.fields || "").split(","), differences.filter((one) => !one.is_answered), t("ui.submit.mismatch_yes"));
    return given && { identity_reason: given.reason || "", date_reason: given.date_reason || "" };
  }
  if (error.code === "gate.override_needed") {
    const { held_back: held = [] } = await get(`/cases/${view.id}/warnings`);
    const reason = await askReason({
      title: t("ui.submit.override"), intro: h("div", { dataset: { testid: "override" } }, h("p", {}, t("ui.submit.override_text")), heldList(held, error.message)), yes: t("ui.submit.override_yes"), kind: "danger",
      choices: [t("ui.submit.override_choice.cannot"), t("ui.submit.override_choice.urgent"), t("ui.submit.override_choice.best"), t("ui.submit.override_choice.export")],
    });
    return reason && { override_reason: reason };
  }
  return undefined;
}

/** Each file that needs a reason, by name, with what is wrong with it and what can be done. */
function heldList(held, otherwise) {
  if (!held.length) return h("p", {}, otherwise);
  return h("ul", { class: "qp-held" }, held.map((file) => h("li", { dataset: { testid: "held-file" } },
    h("b", { class: "qp-file" }, file.file_name), " ", h("span", { class: "qp-badge qp-urgency-critical" }, t(file.is_readable ? "ui.gate.refuse" : "ui.upload.stored_closed")),
    file.notices.map((notice) => h("p", {}, notice.text, notice.advice ? h("span", { class: "qp-advice" }, ` ${notice.advice}`) : null)))));
}

/** Nothing of the case can be opened: what to do instead. */
async function sayClosed(error, view) {
  const { held_back: held = [] } = await get(`/cases/${view.id}/warnings`);
  await dialog({ title: t("ui.submit.closed"), testid: "nothing-readable", body: h("div", {}, h("p", {}, h("b", {}, error.message)), heldList(held, "")),
    actions: [{ text: t("ui.common.close"), value: true, kind: "primary" }] });
}
