/** One referral: what is asked, what was answered, the plan, who to telephone, what can be done now. */
import { query, t } from "/static/api.js";
import { contactLine } from "/static/calls.js";
import { button, fill, h, toast, when } from "/static/dom.js";
import { demoBadge, known, personLine } from "/static/parts.js";
import { accept, admit, arrive, cancel, close, decline, end, note, redirect, referDown, sendAgain, takeBack } from "/static/referral_acts.js";
import { followUpLine } from "/static/referral_due.js";
import { reasonsText, routeText, stateMark, urgencyMark, waitMark } from "/static/referral_marks.js";

/** Acts in the order of their buttons: what the page calls them, how they look, what they do. */
const ACTS = [
  ["accept", "primary", accept], ["arrive", "primary", arrive], ["admit", "primary", admit], ["refer_down", "primary", referDown],
  ["redirect", "", redirect], ["decline", "danger", decline], ["send", "primary", sendAgain], ["close", "", end], ["take_back", "quiet", takeBack], ["cancel", "danger", cancel],
];

export class ReferralView {
  constructor(page, view, ways) {
    Object.assign(this, { page, view, ways });
  }

  draw() {
    const { view } = this;
    fill(this.page, this.head(), this.nowLine(),
      h("div", { class: "qp-two qp-two-result" },
        h("section", { class: "qp-panel" }, view.plan ? planPart(view) : null, view.direction === "up" ? askedPart(view) : null, attachedPart(view)),
        h("section", { class: "qp-panel" }, h("h3", {}, t("ui.referral.contact")), contactLine(view.contact), this.followUpsPart(), this.stepsPart())));
  }

  head() {
    const { view } = this;
    const letter = (down) => h("a", { class: "qp-btn", target: "_blank", rel: "noopener", dataset: { testid: down ? "letter-down" : "letter-up" }, href: query(`/api/v1/referrals/${encodeURIComponent(view.id)}/letter.html`, { down: down || "" }) }, t(down ? "ui.referral.letter_down" : "ui.referral.letter_up"));
    return h("header", { class: "qp-case-head" }, button("←", () => this.ways.back(), { kind: "quiet", title: t("ui.referral.title"), testid: "back" }), personLine(view.patient), demoBadge(view), h("span", { class: "qp-fine" }, view.short_id),
      urgencyMark(view), view.is_green_channel ? h("span", { class: "qp-badge qp-ref-green" }, t("ui.referral.green")) : null, stateMark(view), waitMark(view), h("span", { class: "qp-grow" }),
      view.requested_at ? letter(false) : null, view.plan ? letter(true) : null);
  }

  /** What is to be done now, by whom, with the buttons for it. */
  nowLine() {
    const { view } = this;
    const whose = view.is_ours ? "mine" : "theirs";
    const words = view.waits ? t(`ui.referral.now.${view.state}.${whose}`) : t("ui.referral.now.ended");
    const acts = ACTS.filter(([name]) => view.may[name] && !(name === "close" && view.state === "referred_down"));
    return h("section", { class: `qp-panel qp-ref-now ${view.is_my_turn ? "qp-ref-now-mine" : ""}`, dataset: { testid: "referral-now" } }, h("p", {}, words),
      h("div", { class: "qp-row" }, view.may.close && view.state === "referred_down" ? [this.doing("take_over", "primary", close), this.doing("close", "", end)] : null,
        acts.map(([name, kind, run]) => this.doing(name, kind, run)), view.may.note ? this.doing("note", "quiet", note) : null));
  }

  doing(name, kind, run) {
    return button(t(`ui.referral.do.${name}`), async () => {
      const after = await run(this.view);
      if (!after) return;
      toast(t("ui.referral.done", { act: t(`ui.referral.do.${name}`) }));
      this.ways.changed(after);
    }, { kind, testid: `do-${name.replace("_", "-")}` });
  }

  followUpsPart() {
    const all = this.view.follow_ups;
    return all.length ? h("div", {}, h("h3", {}, t("ui.referral.follow_ups")), h("ul", { class: "qp-ref-due" }, all.map((one) => h("li", {}, followUpLine(one, { after: () => this.ways.reload() }))))) : null;
  }

  stepsPart() {
    return h("div", {}, h("h3", {}, t("ui.referral.steps")), h("ol", { class: "qp-ref-steps", dataset: { testid: "referral-steps" } }, this.view.steps.map((step) => h("li", {}, h("p", {}, h("time", {}, when(step.at)), " ", h("b", {}, step.text_action), step.code_text ? ` · ${step.code_text}` : ""),
      step.text ? h("p", { class: "qp-quote" }, step.text) : null, h("p", { class: "qp-fine" }, `${step.by} · ${step.site.name}`)))));
  }
}

const facts = (rows) => h("dl", { class: "qp-facts" }, rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

function askedPart(view) {
  const { content } = view;
  return h("section", { dataset: { testid: "referral-asked" } }, h("h3", {}, t("ui.referral.asked")), facts([
    [t("ui.referral.reasons"), reasonsText(view)], [t("ui.referral.route"), routeText({ ...view, state: "" })], [t("ui.referral.transport"), view.transport_text],
    ...["impression", "present_history", "past_history", "treatment"].map((name) => [t(`ui.referral.${name}`), content[name]]),
    [t("ui.referral.doctor_phone"), content.doctor_phone], [t("ui.referral.address"), content.address], [t("ui.form.phone"), view.patient.phone], [t("ui.referral.record_number"), content.record_number],
    [t("ui.referral.consent_short"), content.has_consent ? t("ui.referral.yes") : t("ui.referral.no_consent")],
  ]));
}

function planPart(view) {
  const { plan } = view;
  return h("section", { dataset: { testid: "referral-plan" } }, h("h3", {}, t("ui.referral.plan")), facts([
    [t("ui.referral.diagnosis"), plan.diagnosis], [t("ui.referral.results"), plan.results], [t("ui.referral.next_steps"), plan.next_steps], [t("ui.referral.refer_again_if"), plan.refer_again_if],
    [t("ui.referral.hospital_number"), plan.record_number]]),
  plan.medicines.length ? h("table", { class: "qp-ref-table" }, h("thead", {}, h("tr", {}, ["name", "dose", "frequency", "until"].map((name) => h("th", {}, t(`ui.referral.medicine.${name}`))))),
    h("tbody", {}, plan.medicines.map((one) => h("tr", {}, [one.name, one.dose, one.frequency, one.until].map((text) => h("td", {}, text)))))) : null);
}

function attachedPart(view) {
  if (!view.attachments.length) return null;
  return h("section", {}, h("h3", {}, t("ui.referral.attachments")), h("ul", {}, view.attachments.map((one) => {
    const words = [known("ui.referral.attachment", one.kind), one.modality ? known("ui.modality", one.modality) : "", one.short_id, when(one.at), one.signed_version ? t("ui.referral.signed") : ""].filter(Boolean).join(" · ");
    return h("li", {}, one.may_open ? h("a", { href: query("/results", { case: one.id }), dataset: { testid: "attached-case" } }, words) : words);
  })));
}
