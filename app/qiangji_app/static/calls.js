/** Critical calls and AI alarms: whom to telephone, who has looked, how a call ended. */
import { post, t } from "/static/api.js";
import { button, confirmed, dialog, h, toast, when } from "/static/dom.js";
import { known, personLine } from "/static/parts.js";

/** A number to touch; an extension after 转 is shown, not dialled. */
export function phoneLink(number) {
  const dialled = number.split("转")[0].replace(/[^\d+]/g, "");
  return h("a", { class: "qp-phone", href: `tel:${dialled}`, dataset: { testid: "phone" }, title: t("ui.contact.call") }, `☎ ${number}`);
}

/** The other side of a case: site (unless `beside` names it already), number, who is signed in there. Null where nobody is named. */
export function contactLine(contact, beside = null) {
  if (!contact) return null;
  const online = contact.online.length ? t("ui.contact.online", { names: contact.online.join(t("ui.ai.comma")) }) : "";
  return h("span", { class: "qp-contact", dataset: { testid: "contact" } }, beside && beside.id === contact.site.id ? null : [h("span", {}, contact.site.name), " "],
    contact.phone ? phoneLink(contact.phone) : h("span", {}, t("ui.contact.none")), online && h("span", {}, ` · ${online}`));
}

/** Who has looked at the patient behind an alarm. */
export const seenLine = (seen) => h("span", { class: "qp-seen-mark", dataset: { testid: "alarm-seen" } }, `✓ ${t("ui.alarm.seen", { name: seen.by, at: when(seen.at) })}`);

/** For a doctor of the site: says that he has looked at the patient. It stays in the log. */
export function seenButton(caseId, after) {
  return button(t("ui.alarm.see"), async () => {
    if (!(await confirmed(t("ui.alarm.see"), t("ui.alarm.see_text"), { yes: t("ui.alarm.see"), kind: "primary" }))) return;
    await post(`/cases/${encodeURIComponent(caseId)}/alarm-seen`);
    toast(t("ui.alarm.see_done"));
    await after();
  }, { testid: "see-alarm" });
}

/** What was called: the kind in bold, then the words where they say more. */
export function calledText({ code, text }) {
  const kind = code && code !== "other" ? known("ui.call.code", code) : "";
  return [kind && h("b", { class: "qp-call-kind", dataset: { testid: "call-kind" } }, kind), kind && text !== kind ? t("ui.call.then") : "", text === kind ? "" : text];
}

/** Critical calls of a case with who confirmed them; open ones can be answered here. */
export function callList(view, after) {
  return (view.calls || []).map((one) => {
    const open = one.outcome !== "confirmed";
    return h("section", { class: `qp-call ${open ? "qp-call-open" : ""}`, role: open ? "alert" : "note", dataset: { testid: "call" } },
      h("h4", {}, t("ui.call.title"), " ", h("span", { class: "qp-badge" }, one.outcome_text || one.outcome)),
      h("p", {}, calledText(one)), h("p", { class: "qp-fine" }, `${one.raised_by || ""} ${when(one.raised_at)}`),
      one.read_back ? h("p", {}, readBack(one)) : null,
      open ? h("p", {}, contactLine(view.contact)) : null,
      open && view.permissions.confirm_call ? button(t(`ui.call.answer.${one.answer_as}`), () => confirmCall(one, view, after), { kind: "danger", testid: "confirm-call" }) : null);
  });
}

function readBack(one) {
  const by = { text: one.read_back, name: one.confirmed_by || "", at: when(one.confirmed_at) };
  return one.read_back_by ? t("ui.call.read_back_phone", { ...by, by: one.read_back_by }) : t("ui.call.read_back_was", by);
}

const READ_BACK_LEAST = 4; // characters, as the server demands
const NAME_LEAST = 2;
const OUTCOMES = ["confirmed", "reached_no_readback", "unable_to_reach"];

/**
 * How a call ended. Only the receiving site confirms; who raised the call notes a read-back by
 * telephone and names who read it back; anybody else can only note that nobody was reached.
 */
export async function confirmCall(one, view, after) {
  const isCaller = one.answer_as === "caller";
  const isReceiver = one.answer_as === "receiver";
  const area = h("textarea", { rows: 3, class: "qp-input", placeholder: t(isReceiver ? "ui.call.read_back_own" : "ui.call.read_back_how"), dataset: { testid: "read-back" }, "aria-label": t("ui.call.read_back") });
  const by = h("input", { class: "qp-input", maxLength: 100, dataset: { testid: "read-back-by" }, placeholder: t("ui.call.read_back_by_how") });
  const choices = one.answer_as === "other" ? OUTCOMES.slice(1) : OUTCOMES;
  const outcome = h("select", { class: "qp-input", dataset: { testid: "call-outcome" }, "aria-label": t("ui.call.how") }, h("option", { value: "" }, t("ui.common.choose")), choices.map((value) =>
    h("option", { value }, t(`call.outcome_${value}`))));
  if (isReceiver) outcome.value = "confirmed"; // who reads it back has been reached
  const hint = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const refuse = (text, input) => { hint.textContent = text; hint.hidden = false; input.focus(); return false; };
  const done = await dialog({
    title: t(`ui.call.answer.${one.answer_as}`),
    body: h("div", {}, h("p", {}, personLine(view.patient)), h("p", { class: "qp-quote" }, calledText(one)), isReceiver ? null : h("p", { class: "qp-fine" }, t(`ui.call.answer_text.${one.answer_as}`)),
      isReceiver ? null : h("label", {}, t("ui.call.how"), outcome), isCaller ? h("label", {}, t("ui.call.read_back_by"), by) : null, h("label", {}, t("ui.call.read_back"), area), hint),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t(isReceiver ? "ui.call.answer.receiver" : "ui.call.record"), kind: "danger", testid: "send-read-back", run: async () => {
      if (!outcome.value) return refuse(t("ui.call.how_needed"), outcome);
      const isConfirmed = outcome.value === "confirmed";
      if (isConfirmed && isCaller && by.value.trim().length < NAME_LEAST) return refuse(t("ui.call.read_back_by_needed"), by);
      if (isConfirmed && area.value.trim().length < READ_BACK_LEAST) return refuse(t("ui.call.read_back_needed"), area);
      await post(`/calls/${one.id}/confirm`, { outcome: outcome.value, read_back: area.value.trim(), read_back_by: by.value.trim() });
      return true;
    } }],
  });
  if (done) { toast(t("ui.call.done")); await after(); }
}
