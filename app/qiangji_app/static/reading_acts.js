/** Acts of the specialist that end in a dialog: return for retake, critical call, password. */
import { ApiError, post, t, updateSession } from "/static/api.js";
import { dialog, h, toast } from "/static/dom.js";

const RETURN_CODES = {
  cxr: ["image_quality", "wrong_view", "wrong_patient", "incomplete", "other"],
  ecg: ["image_quality", "lead_reversal", "wrong_patient", "incomplete", "other"],
};
const CALL_CODES = {
  cxr: ["tension_pneumothorax", "massive_effusion", "pulmonary_edema", "aortic_dissection", "free_air", "tube_position", "other"],
  ecg: ["stemi", "vt_vf", "complete_av_block", "extreme_bradycardia", "long_pause", "hyperkalaemia", "other"],
};

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
  const codes = choice("return", RETURN_CODES[view.modality] || RETURN_CODES.cxr, "return");
  const area = h("textarea", { rows: 3, class: "qp-input", "aria-label": t("ui.return.text"), placeholder: t("ui.return.text"), dataset: { testid: "return-text" } });
  const { hint, refuse } = missing(codes);
  return dialog({
    title: t("ui.return.title"), body: h("div", {}, h("p", {}, t("ui.return.intro")), codes, area, hint),
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
  const codes = choice("call", CALL_CODES[view.modality] || CALL_CODES.cxr, "ui.call.code");
  const area = h("textarea", { rows: 3, class: "qp-input", "aria-label": t("ui.call.text"), placeholder: t("ui.call.text"), dataset: { testid: "call-text" } });
  const { hint, refuse } = missing(codes);
  const done = await dialog({
    title: t("ui.call.make"), body: h("div", {}, h("p", {}, t("ui.call.intro")), codes, area, hint),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.call.yes"), kind: "danger", testid: "call-yes", run: async () => {
      const code = chosen(codes);
      if (!code) return refuse(t("ui.call.code_needed"));
      const text = area.value.trim() || (code === "other" ? "" : t(`ui.call.code.${code}`));
      if (!text) return refuse(t("ui.call.text_needed"));
      return (await withPassword(() => post(`/cases/${view.id}/calls`, { code, text }))) !== null;
    } }],
  });
  if (done) toast(t("ui.call.made"));
  return Boolean(done);
}

/**
 * Run an act that may need the password; asks when the server says so, unlocks for 15 minutes and
 * repeats it. Resolves with the act's result, or null when the person gives up.
 */
export async function withPassword(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "sign.password_needed") throw error;
  }
  return (await askPassword()) ? act() : null;
}

async function askPassword() {
  const input = h("input", { type: "password", class: "qp-input", autocomplete: "current-password", "aria-label": t("ui.sign.password"), dataset: { testid: "sign-password" } });
  const wrong = h("p", { class: "qp-field-error", hidden: true, role: "alert" });
  const unlock = async () => {
    try {
      updateSession(await post("/session/unlock", { password: input.value }));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
      input.select();
      return false;
    }
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    input.closest("dialog").querySelector('[data-testid="unlock"]').click();
  });
  return dialog({
    title: t("ui.sign.password_title"), body: h("div", {}, h("p", {}, t("ui.sign.password_text")), input, wrong),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.sign.unlock"), kind: "primary", testid: "unlock", run: unlock }],
  });
}
