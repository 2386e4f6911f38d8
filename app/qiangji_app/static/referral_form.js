/** The form of a referral under way: patient, reasons, words of the national 转出单, where to, how. */
import { put, t } from "/static/api.js";
import { dayInput } from "/static/dates.js";
import { beforeLeaving, button, confirmed, debounce, fill, guarded, h, toast } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";
import { act, cancel, referDown } from "/static/referral_acts.js";
import { field, referralCodes, select } from "/static/referral_codes.js";

const SAVE_MS = 1200;
const TEXTS = ["impression", "present_history", "past_history", "treatment"];
const URGENCIES = ["emergency", "urgent", "soon", "routine"];

export class ReferralForm {
  constructor(page, view, ways) {
    Object.assign(this, { page, view, ways });
    this.content = { ...view.content };
    this.patient = { ...view.patient };
    this.target = view.target.id;
    this.home = view.home.id;
    this.isDirty = false;
    this.saving = Promise.resolve();
    this.soon = debounce(() => guarded(() => this.save()), SAVE_MS);
    this.forget = beforeLeaving(() => this.flush());
  }

  leave() {
    this.forget();
    if (this.isDirty) guarded(() => this.flush());
    else if (this.isEmpty()) guarded(() => act(this.view, "acts/cancel", { code: "error" }));
  }

  /** True while nobody has typed anything: such a draft is not kept. */
  isEmpty() {
    const { content, patient, view } = this;
    return !this.isGone && !view.revision && (view.is_patient_fixed || !patient.name) && !content.reasons.length && !TEXTS.some((name) => content[name]);
  }

  async draw() {
    fill(this.page, placeholder("loading", t("ui.common.loading")));
    this.codes = await referralCodes();
    this.status = h("span", { class: "qp-fine", role: "status", dataset: { testid: "referral-saved" } }, "");
    const isUp = this.view.direction === "up";
    fill(this.page, h("header", { class: "qp-case-head" }, button("←", () => this.ways.back(), { kind: "quiet", title: t("ui.referral.title") }),
      h("h1", {}, t(isUp ? "ui.referral.up_title" : "ui.referral.down_title")), h("span", { class: "qp-fine" }, this.view.short_id), this.status),
    h("form", { class: "qp-panel qp-ref-form", onsubmit: (event) => event.preventDefault() },
      this.patientPart(), isUp ? [this.reasonPart(), this.wordsPart(), this.wayPart(), this.attachedPart()] : this.homePart(),
      h("footer", { class: "qp-row qp-ref-foot" }, button(t("ui.referral.discard"), () => this.discard(), { kind: "danger", testid: "discard" }), h("span", { class: "qp-grow" }),
        isUp ? button(t("ui.referral.send"), () => this.send(), { kind: "primary", testid: "send-referral" })
          : button(t("ui.referral.write_plan"), () => this.down(), { kind: "primary", testid: "refer-down" }))));
    const first = this.page.querySelector("[autofocus]");
    if (first) first.focus();
  }

  changed() {
    this.isDirty = true;
    this.status.textContent = t("ui.referral.saving");
    this.soon();
  }

  set(name, value) {
    this.content[name] = value;
    this.changed();
  }

  line(owner, name, { area = false, ...props } = {}) {
    const control = h(area ? "textarea" : "input", { class: "qp-input", value: owner[name] || "", dataset: { testid: `ref-${name.replaceAll("_", "-")}` }, ...(area ? { rows: 3 } : {}), ...props });
    control.addEventListener("input", () => { owner[name] = control.value; this.changed(); });
    return control;
  }

  patientPart() {
    const { patient } = this;
    if (this.view.is_patient_fixed) {
      return h("section", {}, h("h3", {}, t("ui.referral.patient")), h("p", {}, h("b", {}, patient.name || t("ui.person.unnamed")), ` ${patient.sex ? known("ui.sex", patient.sex) : ""} ${patient.age_text} ${patient.phone || ""}`),
        h("p", { class: "qp-fine" }, t("ui.referral.patient_fixed")), this.addressPart());
    }
    const sexes = ["F", "M", "O"].map((id) => ({ id, text: known("ui.sex", id) }));
    const born = dayInput({ label: t("ui.form.birth_date"), value: patient.birth_date || "", onday: (day) => { patient.birth_date = day || null; this.changed(); } });
    const age = h("input", { class: "qp-input", inputMode: "numeric", value: patient.stated_age_years === null ? "" : String(patient.stated_age_years), dataset: { testid: "ref-age" } });
    age.addEventListener("input", () => { patient.stated_age_years = age.value.trim() && Number.isFinite(Number(age.value)) ? Number(age.value) : null; this.changed(); });
    return h("section", {}, h("h3", {}, t("ui.referral.patient")), h("div", { class: "qp-ref-grid" },
      field(t("ui.form.name"), this.line(patient, "name", { autofocus: !patient.name, maxLength: 100 }), { needed: true }),
      field(t("ui.form.sex"), select(sexes, patient.sex, { label: t("ui.form.sex"), empty: "—", testid: "ref-sex", onchange: (value) => { patient.sex = value; this.changed(); } })),
      field(t("ui.form.birth_date"), born), field(t("ui.form.age_years"), age),
      field(t("ui.form.id_number"), this.line(patient, "id_number", { maxLength: 18 })), field(t("ui.form.phone"), this.line(patient, "phone", { inputMode: "tel" }))), this.addressPart());
  }

  addressPart() {
    return h("div", { class: "qp-ref-grid" }, field(t("ui.referral.address"), this.line(this.content, "address")), field(t("ui.referral.record_number"), this.line(this.content, "record_number")));
  }

  reasonPart() {
    const box = h("div", { class: "qp-ref-reasons" });
    const draw = () => fill(box, this.codes.groups.map((group) => {
      const own = this.codes.reasons.filter((one) => one.group === group.id);
      const has = own.some((one) => this.content.reasons.includes(one.id));
      return h("details", { class: "qp-fold", open: has }, h("summary", {}, group.text, has ? h("span", { class: "qp-count" }, String(own.filter((one) => this.content.reasons.includes(one.id)).length)) : null),
        h("div", { class: "qp-chips" }, own.map((one) => h("button", { type: "button", class: "qp-chip", "aria-pressed": String(this.content.reasons.includes(one.id)), title: t("ui.referral.source", { source: one.source }), dataset: { testid: `reason-${one.id}` }, onclick: () => { this.toggle(one); draw(); } }, one.text))));
    }));
    draw();
    this.redrawUrgency = () => {};
    return h("section", {}, h("h3", {}, t("ui.referral.reasons"), h("b", { class: "qp-ref-needed" }, " *")), box, this.urgencyPart());
  }

  /** The first reason proposes urgency and department; a more urgent one raises the urgency. */
  toggle(reason) {
    const { reasons } = this.content;
    const isNew = !reasons.includes(reason.id);
    this.content.reasons = isNew ? [...reasons, reason.id] : reasons.filter((one) => one !== reason.id);
    const rank = (name) => URGENCIES.indexOf(name);
    if (isNew && (!reasons.length || rank(reason.urgency) < rank(this.content.urgency))) this.content.urgency = reason.urgency;
    if (isNew && !reasons.length) this.content.department = reason.department;
    this.redrawUrgency();
    if (this.departmentList) this.departmentList.value = this.content.department;
    this.changed();
  }

  urgencyPart() {
    const box = h("div", { class: "qp-chips", role: "group", "aria-label": t("ui.referral.urgency") });
    const draw = () => fill(box, URGENCIES.map((one) => h("button", { type: "button", class: `qp-chip qp-ref-pick-${one}`, "aria-pressed": String(this.content.urgency === one), dataset: { testid: `urgency-${one}` }, onclick: () => { this.set("urgency", one); draw(); } }, known("referral.urgency", one))));
    this.redrawUrgency = draw;
    draw();
    const green = h("input", { type: "checkbox", checked: this.content.is_green_channel, dataset: { testid: "ref-green" }, onchange: () => this.set("is_green_channel", green.checked) });
    return h("div", { class: "qp-row" }, h("b", {}, t("ui.referral.urgency")), box, h("label", { class: "qp-check" }, green, t("ui.referral.green")));
  }

  wordsPart() {
    return h("section", {}, TEXTS.map((name) => field(t(`ui.referral.${name}`), this.line(this.content, name, { area: true }), { needed: name === "present_history" })));
  }

  wayPart() {
    const consent = h("input", { type: "checkbox", checked: this.content.has_consent, dataset: { testid: "ref-consent" }, onchange: () => this.set("has_consent", consent.checked) });
    this.departmentList = select(this.codes.departments, this.content.department, { label: t("ui.referral.department"), empty: t("ui.referral.choose"), testid: "ref-department", onchange: (value) => this.set("department", value) });
    return h("section", {}, h("div", { class: "qp-ref-grid" },
      field(t("ui.referral.target"), select(this.view.targets, this.target, { label: t("ui.referral.target"), testid: "ref-target", onchange: (value) => { this.target = value; this.changed(); } }), { needed: true }),
      field(t("ui.referral.department"), this.departmentList, { needed: true }),
      field(t("ui.referral.transport"), select(this.codes.transports, this.content.transport, { label: t("ui.referral.transport"), empty: t("ui.referral.choose"), testid: "ref-transport", onchange: (value) => this.set("transport", value) }), { needed: true }),
      field(t("ui.referral.doctor_phone"), this.line(this.content, "doctor_phone", { inputMode: "tel" }))),
    h("label", { class: "qp-check" }, consent, t("ui.referral.consent")));
  }

  attachedPart() {
    const all = this.view.attachments;
    return all.length ? h("section", {}, h("h3", {}, t("ui.referral.attachments")), h("ul", {}, all.map((one) => h("li", {}, `${known("ui.referral.attachment", one.kind)} ${one.short_id}`, one.signed_version ? ` · ${t("ui.referral.signed")}` : "")))) : null;
  }

  homePart() {
    const homes = this.view.homes;
    return h("section", {}, h("div", { class: "qp-ref-grid" }, field(t("ui.referral.home"), select(homes, this.home, { label: t("ui.referral.home"), empty: t("ui.referral.choose"), testid: "ref-home", onchange: (value) => { this.home = value || this.view.home.id; this.changed(); } }), { needed: true })));
  }

  body() {
    const { patient } = this;
    return {
      revision: this.view.revision, content: this.content, target_site_id: this.target, home_site_id: this.home,
      attachments: this.view.attachments.map(({ kind, id }) => ({ kind, id })),
      patient: this.view.is_patient_fixed ? null : { name: patient.name, kind: patient.kind, id_number: patient.id_number || "", birth_date: patient.birth_date || null, age_years: patient.stated_age_years, sex: patient.sex || "", phone: patient.phone || "" },
    };
  }

  save() {
    this.saving = this.saving.catch(() => {}).then(async () => {
      if (!this.isDirty) return;
      this.isDirty = false;
      try {
        const saved = await put(`/referrals/${this.view.id}`, this.body());
        this.view.revision = saved.revision;
        this.status.textContent = t("ui.referral.saved");
      } catch (error) {
        this.isDirty = true;
        this.status.textContent = error.message;
        throw error;
      }
    });
    return this.saving;
  }

  async flush() {
    this.soon.cancel();
    await this.save();
  }

  async send() {
    await this.flush();
    const { name } = this.patient;
    const site = this.view.targets.find((one) => one.id === this.target);
    const words = t("ui.referral.send_text", { name: name || t("ui.person.unnamed"), site: site ? site.name : "", urgency: known("referral.urgency", this.content.urgency) });
    if (!(await confirmed(t("ui.referral.send"), words, { yes: t("ui.referral.send"), kind: "primary" }))) return;
    const sent = await act(this.view, "send", {});
    toast(t("ui.referral.sent"));
    this.ways.changed(sent);
  }

  async down() {
    await this.flush();
    const after = await referDown(this.view);
    if (!after) return;
    this.isGone = true;
    this.ways.changed(after);
  }

  async discard() {
    await this.flush();
    const after = await cancel(this.view);
    if (!after) return;
    this.isGone = true;
    this.ways.back();
  }
}

