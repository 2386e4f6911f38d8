/** Follow-ups after referrals: due until somebody says what came of them. */
import { del, post, t } from "/static/api.js";
import { button, dialog, h, toast } from "/static/dom.js";
import { known, personLine, placeholder } from "/static/parts.js";

const OUTCOMES = ["seen", "phoned", "in_hospital", "moved", "died", "not_reached"];

/** `还有 5 天`, `今天`, `已过 3 天`. */
function daysText(days) {
  if (days === 0) return t("ui.referral.today");
  return days > 0 ? t("ui.referral.days_left", { n: days }) : t("ui.referral.days_over", { n: -days });
}

/** The list of what is still due at one's sites. */
export function dueList(page, { onopen, after }) {
  if (!page.items.length) return placeholder("empty", t("ui.referral.empty.due"));
  return page.items.map((one) => h("div", { class: `qp-case-row qp-ref-edge-${one.days_left < 0 ? "late" : "routine"}`, dataset: { testid: "due-row", referral: one.referral_id }, tabindex: "0", onkeydown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget) onopen(one.referral_id); } },
    h("span", { class: "qp-case-main" }, h("span", { class: "qp-case-top" }, personLine(one.patient), h("span", { class: "qp-fine" }, one.patient.phone)), h("span", {}, one.reasons.join(t("list.semicolon"))), followUpLine(one, { after })),
    h("span", { class: "qp-case-side" }, h("span", { class: `qp-badge ${one.days_left < 0 ? "qp-ref-level-2" : one.days_left <= 3 ? "qp-ref-level-1" : ""}`, dataset: { testid: "days-left" } }, daysText(one.days_left)), button(t("ui.referral.open"), () => onopen(one.referral_id), { kind: "quiet" }))));
}

/** One follow-up with what can be done about it. */
export function followUpLine(one, { after }) {
  const what = [one.due_on, one.kind_text, one.what, one.site.name].filter(Boolean).join(" · ");
  if (one.is_void) return h("span", { class: "qp-muted" }, `${what} · ${t("ui.referral.void")}`);
  if (!one.is_due) {
    return h("span", { class: "qp-row" }, h("span", { class: "qp-ok" }, `✓ ${what} · ${one.outcome_text} ${one.done_by} ${one.note}`),
      one.is_mine ? button(t("ui.common.undo"), async () => { await del(`/referral-follow-ups/${one.id}/outcome`); await after(); }, { kind: "quiet", testid: "undo-follow-up" }) : null);
  }
  return h("span", { class: "qp-row", dataset: { testid: "follow-up", kind: one.kind } }, h("span", {}, what, one.attempts ? h("span", { class: "qp-fine" }, ` · ${t("ui.referral.attempts", { n: one.attempts })}`) : null),
    one.may_record ? button(t("ui.referral.record"), () => record(one, after), { testid: "record-follow-up" }) : null);
}

async function record(one, after) {
  let outcome = "";
  const note = h("textarea", { class: "qp-input", rows: 2, placeholder: t("ui.referral.follow_up_note"), "aria-label": t("ui.referral.follow_up_note"), dataset: { testid: "follow-up-note" } });
  const problem = h("p", { class: "qp-field-error", role: "alert", hidden: true }, t("ui.referral.choose_reason"));
  const radios = h("div", { class: "qp-radios" }, OUTCOMES.map((name) => h("label", {}, h("input", { type: "radio", name: "outcome", value: name, dataset: { testid: `outcome-${name}` }, onchange: () => { outcome = name; problem.hidden = true; } }), known("follow_up.outcome", name))));
  const done = await dialog({
    title: t("ui.referral.record"), body: h("div", {}, h("p", {}, `${one.due_on} ${one.kind_text} ${one.what}`), radios, note, problem),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "follow-up-yes", run: async () => {
      if (!outcome) { problem.hidden = false; return false; }
      return post(`/referral-follow-ups/${one.id}/outcome`, { outcome, note: note.value.trim() });
    } }],
  });
  if (!done) return;
  toast(t(done.is_due ? "ui.referral.tried" : "ui.referral.recorded"));
  await after();
}
