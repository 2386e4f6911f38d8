/** Acts on a referral, each with its question first; the server decides, an act is sent once. */
import { newId, post, t } from "/static/api.js";
import { dayInput } from "/static/dates.js";
import { button, confirmed, dialog, h } from "/static/dom.js";
import { field, referralCodes, select } from "/static/referral_codes.js";

const OTHER = "other";

/** Send an act; answers the referral as it is then. `path` is the act's own address. */
export const act = (view, path, body) => post(`/referrals/${encodeURIComponent(view.id)}/${path}`, { key: newId(), revision: view.revision, ...body });

/** Ask for a reason from a list and words; resolves {code, text} or null. */
async function askCode({ title, intro = "", codes, yes, kind = "primary", needsText = false, extra = null, run }) {
  let code = "";
  const text = h("textarea", { class: "qp-input", rows: 3, "aria-label": t("ui.referral.words"), placeholder: t("ui.referral.words"), dataset: { testid: "act-text" } });
  const problem = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const radios = h("div", { class: "qp-radios" }, codes.map((one) => h("label", {}, h("input", { type: "radio", name: "code", value: one.id, dataset: { testid: `code-${one.id}` }, onchange: () => { code = one.id; problem.hidden = true; } }), one.text)));
  const refuse = (key) => { problem.textContent = t(key); problem.hidden = false; return false; };
  return dialog({
    title, testid: "act-dialog", body: h("div", {}, intro && h("p", {}, intro), extra, codes.length ? radios : null, text, problem),
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: yes, kind, testid: "act-yes", run: async () => {
      if (codes.length && !code) return refuse("ui.referral.choose_reason");
      if ((needsText || code === OTHER) && !text.value.trim()) { text.focus(); return refuse("ui.referral.words_needed"); }
      return run({ code, text: text.value.trim() });
    } }],
  });
}

const plain = (view, name) => (body) => act(view, `acts/${name}`, body);

export const accept = (view) => askCode({ title: t("ui.referral.do.accept"), intro: t("ui.referral.accept_text"), codes: [], yes: t("ui.referral.do.accept"), run: plain(view, "accept") });

export const note = (view) => askCode({ title: t("ui.referral.do.note"), codes: [], yes: t("ui.referral.do.note"), needsText: true, run: plain(view, "note") });

export async function decline(view) {
  const { answers } = await referralCodes();
  return askCode({ title: t("ui.referral.do.decline"), intro: t("ui.referral.decline_text"), codes: answers.decline, yes: t("ui.referral.do.decline"), kind: "danger", needsText: view.urgency === "emergency", run: plain(view, "decline") });
}

export async function cancel(view) {
  const { answers } = await referralCodes();
  return askCode({ title: t("ui.referral.do.cancel"), intro: t(view.urgency === "emergency" && view.state !== "draft" ? "ui.referral.cancel_emergency" : "ui.referral.cancel_text"), codes: answers.cancel, yes: t("ui.referral.do.cancel"), kind: "danger", run: plain(view, "cancel") });
}

export async function takeBack(view) {
  const { answers } = await referralCodes();
  return askCode({ title: t("ui.referral.do.take_back"), intro: t("ui.referral.take_back_text"), codes: answers.take_back, yes: t("ui.referral.do.take_back"), run: plain(view, "take-back") });
}

export async function close(view) {
  if (view.state === "referred_down") {
    const text = t("ui.referral.take_over_text", { days: view.follow_ups.filter((one) => one.is_due).map((one) => one.due_on).join(t("ui.ai.comma")) });
    const isTaken = await confirmed(t("ui.referral.do.take_over"), text, { yes: t("ui.referral.do.take_over"), kind: "primary" });
    return isTaken ? act(view, "acts/close", { code: "taken_over" }) : null;
  }
  return end(view);
}

/** End a referral for another reason than that the patient was taken over. */
export async function end(view) {
  const { answers } = await referralCodes();
  return askCode({ title: t("ui.referral.do.close"), codes: answers.close.filter((one) => view.close_codes.includes(one.id)), yes: t("ui.referral.do.close"), run: plain(view, "close") });
}

export async function arrive(view) {
  const isSure = await confirmed(t("ui.referral.do.arrive"), t("ui.referral.arrive_text", { name: view.patient.name }), { yes: t("ui.referral.do.arrive"), kind: "primary" });
  return isSure ? act(view, "acts/arrive", {}) : null;
}

export const admit = (view) => act(view, "acts/admit", {});

/** Ask another site or department; or, after a refusal, send it somewhere else. */
async function elsewhere(view, { title, codes, sites, path }) {
  const { departments } = await referralCodes();
  const chosen = { site_id: view.target.id, department: view.content.department };
  const extra = h("div", { class: "qp-ref-grid" },
    field(t("ui.referral.target"), select(sites, chosen.site_id, { label: t("ui.referral.target"), testid: "to-site", onchange: (value) => { chosen.site_id = value; } })),
    field(t("ui.referral.department"), select(departments, chosen.department, { label: t("ui.referral.department"), testid: "to-department", onchange: (value) => { chosen.department = value; } })));
  return askCode({ title, codes, extra, yes: title, run: (body) => act(view, path, { ...body, ...chosen }) });
}

export async function redirect(view) {
  const { answers } = await referralCodes();
  return elsewhere(view, { title: t("ui.referral.do.redirect"), codes: answers.redirect, sites: view.hospitals, path: "redirect" });
}

export const sendAgain = (view) => elsewhere(view, { title: t("ui.referral.do.send"), codes: [], sites: view.targets, path: "send" });

const PLAN_TEXTS = [["diagnosis", true, 2], ["results", false, 2], ["next_steps", true, 4], ["refer_again_if", false, 2]];

/** The plan with which a patient goes home: diagnosis, medicines, days of follow-up. */
export async function referDown(view) {
  const texts = Object.fromEntries(PLAN_TEXTS.map(([name, , rows]) => [name, h("textarea", { class: "qp-input", rows, maxLength: 4000, dataset: { testid: `plan-${name.replaceAll("_", "-")}` } })]));
  const number = h("input", { class: "qp-input", maxLength: 200 });
  const medicines = new Rows(medicineRow, t("ui.referral.add_medicine"), "add-medicine");
  const days = new Rows(dayRow, t("ui.referral.add_day"), "add-day");
  const problem = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const body = h("div", { class: "qp-ref-plan" }, PLAN_TEXTS.map(([name, needed]) => field(t(`ui.referral.${name}`), texts[name], { needed })), field(t("ui.referral.hospital_number"), number),
    h("h3", {}, t("ui.referral.medicines")), medicines.element, h("h3", {}, t("ui.referral.follow_ups"), h("b", { class: "qp-ref-needed" }, " *")), h("p", { class: "qp-fine" }, t("ui.referral.follow_ups_text")), days.element, problem);
  body.addEventListener("input", () => { problem.hidden = true; });
  return dialog({
    title: t("ui.referral.do.refer_down"), wide: true, testid: "plan-dialog", body,
    actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.referral.do.refer_down"), kind: "primary", testid: "plan-yes", run: async () => {
      const plan = Object.fromEntries(Object.entries(texts).map(([name, area]) => [name, area.value.trim()]));
      const lacks = !plan.diagnosis || !plan.next_steps ? "ui.referral.plan_needed" : !days.values().length ? "ui.referral.day_needed" : "";
      if (lacks) { problem.textContent = t(lacks); problem.hidden = false; problem.scrollIntoView({ block: "center" }); return false; }
      return act(view, "refer-down", { ...plan, record_number: number.value.trim(), medicines: medicines.values(), follow_ups: days.values() });
    } }],
  });
}

/** Lines that can be added and taken away; empty ones do not count. */
class Rows {
  constructor(make, text, testid) {
    this.rows = [];
    this.list = h("div", { class: "qp-ref-lines" });
    this.element = h("div", {}, this.list, button(text, () => this.add(make), { kind: "quiet", testid }));
    this.add(make);
  }

  add(make) {
    const row = make();
    const line = h("div", { class: "qp-ref-line" }, row.parts, h("button", { type: "button", class: "qp-x", "aria-label": t("ui.referral.remove_line"), onclick: () => { this.rows = this.rows.filter((one) => one !== row); line.remove(); } }, "×"));
    this.rows.push(row);
    this.list.append(line);
  }

  values() {
    return this.rows.map((row) => row.value()).filter(Boolean);
  }
}

const MEDICINE = ["name", "dose", "frequency", "until"];

function medicineRow() {
  const parts = MEDICINE.map((name) => h("input", { class: "qp-input", placeholder: t(`ui.referral.medicine.${name}`), "aria-label": t(`ui.referral.medicine.${name}`), maxLength: 200, dataset: { testid: `medicine-${name}` } }));
  return { parts, value: () => { const made = Object.fromEntries(MEDICINE.map((name, at) => [name, parts[at].value.trim()])); return Object.values(made).some(Boolean) ? made : null; } };
}

function dayRow() {
  let on = "";
  const day = dayInput({ label: t("ui.referral.day"), onday: (value) => { on = value; }, dataset: { testid: "day-on" } });
  const what = h("input", { class: "qp-input", placeholder: t("ui.referral.day_what"), "aria-label": t("ui.referral.day_what"), maxLength: 200, dataset: { testid: "day-what" } });
  return { parts: [day, what], value: () => (on ? { on, what: what.value.trim() } : null) };
}

