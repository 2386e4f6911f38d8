/** Acts of the specialist that end in a dialog: return for retake, critical call. */
import { post, t } from "/static/api.js";
import { dialog, h, toast } from "/static/dom.js";
import { modalitiesOf, personLine } from "/static/parts.js";
import { isUnlocked, PasswordField } from "/static/reading_password.js";

const RETURN_CODES = {
  cxr: ["image_quality", "wrong_view", "wrong_patient", "incomplete", "other"],
  ecg: ["image_quality", "lead_reversal", "wrong_patient", "incomplete", "other"],
};
const CALL_CODES = {
  cxr: ["tension_pneumothorax", "massive_effusion", "pulmonary_edema", "aortic_dissection", "free_air", "tube_position", "other"],
  ecg: ["stemi", "vt_vf", "complete_av_block", "extreme_bradycardia", "long_pause", "hyperkalaemia", "other"],
};

/** Codes for every kind of examination that the case holds, "other" last. */
function codesOf(table, view) {
  const found = modalitiesOf(view).flatMap((one) => table[one] || []);
  return [...new Set([...(found.length ? found : table.cxr).filter((code) => code !== "other"), "other"])];
}

/** Whom the act is about. */
const whose = (view) => h("p", { class: "qp-whose" }, personLine(view.patient), ` · ${view.site.name} · ${view.short_id}`);

function choice(name, codes, prefix) {
  return h("div", { class: "qp-radios", role: "radiogroup" }, codes.map((code) =>
    h("label", {}, h("input", { type: "radio", name, value: code, dataset: { testid: `${name}-${code}` } }), h("span", {}, t(`${prefix}.${code}`)))));
}

/** The chosen code; empty where nobody chose one. */
function chosen(group) {
  const one = group.querySelector("input:checked");
  return one ? one.value : "";
}

/** A line for what is missing; `refuse` shows it and keeps the dialog open. */
function missing(codes) {
  const hint = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  codes.addEventListener("change", () => { hint.hidden = true; });
  const refuse = (text) => { hint.textContent = text; hint.hidden = false; return false; };
  return { hint, refuse };
}

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
  const codes = choice("call", codesOf(CALL_CODES, view), "ui.call.code");
  const area = h("textarea", { rows: 3, class: "qp-input", "aria-label": t("ui.call.text"), placeholder: t("ui.call.text"), dataset: { testid: "call-text" } });
  const { hint, refuse } = missing(codes);
  const password = new PasswordField({ isNeeded: !isUnlocked(), submit: "call-yes" });
  const done = await dialog({
    title: t("ui.call.make"), body: h("div", {}, whose(view), h("p", {}, t("ui.call.intro")), codes, area, hint, password.element),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.call.yes"), kind: "danger", testid: "call-yes", run: async () => {
      const code = chosen(codes);
      if (!code) return refuse(t("ui.call.code_needed"));
      const text = area.value.trim() || (code === "other" ? "" : t(`ui.call.code.${code}`));
      if (!text) return refuse(t("ui.call.text_needed"));
      return password.run(async (word) => { await post(`/cases/${view.id}/calls`, { code, text, password: word }); return true; });
    } }],
  });
  if (done) toast(t("ui.call.made"));
  return Boolean(done);
}
