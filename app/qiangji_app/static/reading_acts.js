/** Acts of the specialist that end in a dialog: return for retake, critical call. */
import { post, t } from "/static/api.js";
import { dialog, h, toast } from "/static/dom.js";
import { modalitiesOf, personLine } from "/static/parts.js";
import { CallFields, choice, chosen, codesOf, missing } from "/static/reading_call.js";
import { isUnlocked, PasswordField } from "/static/reading_password.js";

const RETURN_CODES = {
  cxr: ["image_quality", "wrong_view", "wrong_patient", "incomplete", "other"],
  ecg: ["image_quality", "lead_reversal", "wrong_patient", "incomplete", "other"],
};
/** Whom the act is about. */
const whose = (view) => h("p", { class: "qp-whose" }, personLine(view.patient), ` · ${view.site.name} · ${view.short_id}`);

/** Return a case for retake with a reason code; resolves true when done. */
export async function returnCase(view) {
  const how = t(modalitiesOf(view).includes("cxr") ? "ui.return.text" : "ui.return.text_ecg");
  const codes = choice("return", codesOf(RETURN_CODES, view), "return");
  const area = h("textarea", { rows: 3, class: "qp-input", "aria-label": how, placeholder: how, dataset: { testid: "return-text" } });
  const { hint, refuse } = missing(codes);
  return dialog({
    title: t("ui.return.title"), body: h("div", {}, whose(view), h("p", {}, t("ui.return.intro")), codes, area, hint),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.return.yes"), kind: "danger", testid: "return-yes", run: async () => {
      const code = chosen(codes);
      if (!code) return refuse(t("ui.return.code_needed"));
      if (code === "other" && !area.value.trim()) return refuse(t("ui.return.text_needed"));
      await post(`/cases/${view.id}/return`, { reason_code: code, text: area.value.trim() });
      return true;
    } }],
  });
}

/** A signed critical call, visible to the site at once; resolves true when raised. */
export async function makeCall(view) {
  const fields = new CallFields(view);
  const password = new PasswordField({ isNeeded: !isUnlocked(), submit: "call-yes", failed: t("ui.call.not_made") });
  const done = await dialog({
    title: t("ui.call.make"), body: h("div", {}, whose(view), h("p", {}, t("ui.call.intro")), fields.element, password.element),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.call.yes"), kind: "danger", testid: "call-yes", run: async () => {
      const call = fields.read();
      return call && password.run(async (word) => { await post(`/cases/${view.id}/calls`, { ...call, password: word }); return true; });
    } }],
  });
  if (done) toast(t("ui.call.made"));
  return Boolean(done);
}
