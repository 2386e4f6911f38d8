/** One case in front of the specialist: viewer left, request, hints, report and thread right. */
import { get, post, t } from "/static/api.js";
import { askReason, button, confirmed, dialog, duration, fill, guarded, h, toast } from "/static/dom.js";
import { callList } from "/static/calls.js";
import { alarm, demoBadge, gateCards, holderText, isPending, known, loadCase, measurementTable, messageThread, modalityText, oldBadge, personLine, placeholder, reasonList, requestBox, siblingLines, stateBadge, timeline, urgencyBadge } from "/static/parts.js";
import { FindingReview } from "/static/reading_findings.js";
import { ReportEditor } from "/static/reading_report.js";
import { forgetHeld, heldByOther, holding, keepHeld } from "/static/reading_holder.js";
import { identityWarning } from "/static/reading_identity.js";
import { makeCall, returnCase } from "/static/reading_acts.js";
import { reportSection } from "/static/result_view.js";
import { showViewer } from "/static/viewer_host.js";

const HOLD_LOOKS = 3; // every ninth second

export class ReadingCase {
  constructor(id, { onback, onnext }) {
    this.id = id;
    this.onback = onback;
    this.onnext = onnext;
    this.head = h("header", { class: "qp-reading-head" });
    this.stage = h("div", { class: "qp-viewer", dataset: { testid: "viewer" } });
    this.stage.addEventListener("qj-measure", (event) => this.editor && this.editor.offer(event.detail));
    this.panel = h("aside", { class: "qp-side" });
    this.foot = h("footer", { class: "qp-side-foot" });
    this.jump = h("nav", { class: "qp-jump", "aria-label": t("ui.reading.parts") });
    this.element = h("div", { class: "qp-reading-case" }, this.head, this.stage, h("div", { class: "qp-side-box" }, this.jump, this.panel, this.foot));
    this.fit = new ResizeObserver(() => this.fitHeight());
    this.editor = null;
    this.closed = false;
  }

  async open() {
    fill(this.panel, placeholder("loading", t("ui.common.loading")));
    fill(this.stage, placeholder("loading", t("ui.reading.loading_picture")));
    this.fit.observe(document.body);
    document.querySelectorAll(".qp-alerts").forEach((bar) => this.fit.observe(bar));
    try {
      await this.reload();
    } catch (error) {
      if (error.name === "SignedOut") return;
      fill(this.head, button(`← ${t("ui.reading.worklist")}`, () => this.onback(), { kind: "quiet" }));
      fill(this.panel, placeholder("error", error.message, button(t("ui.common.retry"), () => this.open())));
    }
    this.timer = setInterval(() => { if (!document.hidden) guarded(() => this.follow()); }, 3000);
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    this.fit.disconnect();
    if (this.editor) this.editor.close();
    if (this.viewer && this.viewer.destroy) this.viewer.destroy();
  }

  /** The case fills what the header and the alert bars leave of the screen. */
  fitHeight() {
    const above = Math.round(this.element.getBoundingClientRect().top + window.scrollY);
    this.element.style.setProperty("--qp-above", `${above}px`);
  }

  /** Read the case again and draw it, the viewer only when its recordings changed. */
  async reload() {
    const view = await loadCase(this.id);
    if (this.closed) return;
    this.take(view);
  }

  take(view) {
    this.view = view;
    if (holderOf(view) && holderOf(view).is_me) keepHeld(view);
    else forgetHeld(view.id);
    if (!this.editor || this.editor.version !== editorVersion(view)) {
      if (this.editor) this.editor.close();
      this.editor = view.permissions.write ? new ReportEditor(view, { onsigned: (signed) => this.signed(signed) }) : null;
      if (this.editor) this.editor.version = editorVersion(view);
    }
    if (this.editor) this.editor.view = view;
    this.drawHead();
    this.drawPanel();
    this.drawFoot();
    const print = JSON.stringify(view.recordings.map((one) => [one.id, one.kind, one.map_labels]));
    if (print === this.viewed) return;
    this.viewed = print;
    if (this.viewer && this.viewer.destroy) this.viewer.destroy();
    guarded(async () => { this.viewer = await showViewer(this.stage, { view }); });
  }

  /** Take the AI's answer over when it comes. The case itself is not polled: each look is audited. */
  async follow() {
    await this.watchHold();
    const waiting = this.view ? this.view.recordings.filter(isPending) : [];
    for (const one of waiting) {
      if (isPending(await get(`/recordings/${one.id}`)) || this.closed) continue;
      await this.reload();
      return;
    }
  }

  /** Say at once when a colleague took the case over; what was typed can't be saved any more. */
  async watchHold() {
    this.looks = (this.looks || 0) + 1;
    const isMine = this.view && holderOf(this.view) && holderOf(this.view).is_me;
    if (!isMine || this.looks % HOLD_LOOKS) return;
    const other = await heldByOther(this.id);
    if (!other || this.closed) return;
    if (this.editor) this.editor.discard();
    forgetHeld(this.id);
    await this.reload();
    const said = this.view.messages.filter((one) => one.kind === "take_over").pop();
    await dialog({ title: t("ui.reading.taken_title"), testid: "taken-over",
      body: h("div", {}, h("p", {}, t("ui.reading.taken_over", { name: holding(other).name, id: this.view.short_id })), said ? h("p", { class: "qp-quote" }, said.text) : null),
      actions: [{ text: t("ui.reading.seen"), kind: "primary", testid: "taken-yes", run: () => true }] });
  }

  drawHead() {
    const view = this.view;
    const can = view.permissions;
    fill(this.head, button("←", () => this.onback(), { kind: "quiet", title: `${t("ui.reading.worklist")} (Esc)`, testid: "back" }),
      h("span", { class: "qp-head-person" }, personLine(view.patient), demoBadge(view), " ", oldBadge(view), h("span", { class: "qp-fine qp-line" }, [view.short_id, view.site.name, view.waiting_minutes === null ? "" : t("ui.case.waiting", { time: duration(view.waiting_minutes) })].filter(Boolean).join(" · ")), siblingLines(view, { link: location.pathname })),
      urgencyBadge(view.urgency), stateBadge(view.state),
      view.claimed_by ? h("span", { class: "qp-fine" }, holderText(view.claimed_by)) : null,
      h("span", { class: "qp-grow" }),
      can.claim ? button(t("ui.reading.claim"), () => this.act("claim"), { kind: "primary", title: "C", testid: "claim" }) : null,
      can.take_over && isElsewhere(view) ? button(t("ui.reading.take_over"), () => this.takeOver(), { testid: "take-over" }) : null,
      can.release ? button(t("ui.reading.release"), () => this.release(), { testid: "release" }) : null,
      button(t("ui.reading.next"), () => this.next(), { title: "N", testid: "next-case" }),
      this.warnings());
    this.fitHeight();
  }

  /** What stands between this case and a careless signature, across the whole head. */
  warnings() {
    const { override_reason: reason } = this.view;
    const { unlicensed } = this.view;
    const found = [unlicensed.length ? h("p", { class: "qp-differs", dataset: { testid: "unlicensed" } }, t("ui.sibling.unlicensed", { kinds: unlicensed.map(modalityText).join(t("ui.ai.comma")) })) : null,
      identityWarning(this.view, () => this.reload()), reason ? h("p", { class: "qp-differs qp-override" }, h("b", {}, t("ui.case.override_reason")), `${t("list.colon")}${reason}`) : null].filter(Boolean);
    return found.length ? h("div", { class: "qp-head-warnings" }, found) : null;
  }

  drawPanel() {
    const view = this.view;
    const after = () => this.reload();
    const scroll = this.panel.scrollTop;
    this.findings = new FindingReview(view, { onverdict: () => this.reload() });
    const measured = view.recordings.map((one) => measurementTable(one.measurements)).filter(Boolean);
    const isSigned = view.report_version > 0;
    const reports = view.reports.slice().reverse().map((report) => reportSection(view, report, { compact: true }));
    this.parts = {
      request: this.fold("request", requestTitle(view), h("div", {}, reasonList(view.urgency), requestBox(view)), !this.editor),
      hints: this.findings.element,
      report: h("div", { class: isSigned ? "qp-signed-part" : "" }, this.editor ? this.editor.element : this.noEditor(), reports),
      talk: this.fold("thread", t("ui.message.title"), messageThread(view, after), view.messages.length > 0),
    };
    fill(this.jump, Object.keys(this.parts).map((name) => h("button", { type: "button", class: "qp-jump-to", dataset: { testid: `jump-${name}` }, onclick: () => this.parts[name].scrollIntoView({ block: "start" }) }, t(`ui.reading.part.${name}`))));
    fill(this.panel, alarm(view, { compact: true }), callList(view, after), isSigned && !this.editor ? this.parts.report : null, this.parts.request,
      this.fold("quality", t("ui.reading.quality"), h("div", {}, view.recordings.map((one) => h("div", {}, h("b", { class: "qp-file" }, one.file_name), gateCards(one)))), view.recordings.some((one) => (one.notices || []).length)),
      measured.length ? this.fold("measures", t("ui.reading.measures"), h("div", {}, measured), !this.editor) : null,
      this.parts.hints, isSigned && !this.editor ? null : this.parts.report, this.parts.talk, timeline(view));
    this.panel.scrollTop = scroll;
  }

  fold(name, title, body, open) {
    this.folds = this.folds || {};
    const isOpen = name in this.folds ? this.folds[name] : open;
    return h("details", { class: "qp-fold", open: isOpen }, h("summary", { onclick: (event) => { this.folds[name] = !event.currentTarget.parentElement.open; } }, title), body);
  }

  noEditor() {
    const view = this.view;
    if (view.report_version > 0 && !isElsewhere(view)) return h("p", { class: "qp-card qp-card-ok", dataset: { testid: "read-only" } }, t("ui.reading.signed_card"));
    if (view.permissions.claim) return h("p", { class: "qp-card qp-card-wait" }, t("ui.reading.claim_first"));
    if (isElsewhere(view)) return h("p", { class: "qp-card qp-card-wait" }, view.amended_by ? t("ui.reading.amended_by", { name: holderOf(view).name }) : holderText(view.claimed_by));
    return null;
  }

  drawFoot() {
    const can = this.view.permissions;
    fill(this.foot, this.editor ? this.editor.status : null, h("span", { class: "qp-grow" }),
      can.return ? button(t("ui.reading.return"), () => this.leaveAfter(returnCase(this.view)), { testid: "return" }) : null,
      can.call ? button(t("ui.call.make"), async () => { if (await makeCall(this.view)) await this.reload(); }, { kind: "danger", testid: "critical-call" }) : null,
      can.amend && !this.editor && !isElsewhere(this.view) ? button(t("ui.reading.amend"), () => this.amend(), { testid: "amend" }) : null,
      can.sign && this.editor ? button(t("ui.reading.sign"), () => this.editor.sign(), { kind: "primary", title: "Ctrl+Enter", testid: "sign" }) : null);
  }

  async act(name, body = {}) {
    await post(`/cases/${this.id}/${name}`, body);
    await this.reload();
  }

  async takeOver() {
    const held = holderOf(this.view);
    const intro = t("ui.reading.take_over_who", holding(held));
    const reason = await askReason({ title: t("ui.reading.take_over"), intro, yes: t("ui.reading.take_over"), kind: "danger" });
    if (reason === null) return;
    const wasAmending = Boolean(this.view.amended_by);
    await this.act("take-over", { reason, holder_id: held.id });
    // The other's draft is gone: open an amendment of one's own for the same reason.
    if (wasAmending) await this.act("amend", { reason });
  }

  async release() {
    if (this.editor) await this.editor.flush();
    if (!(await confirmed(t("ui.reading.release"), t("ui.reading.release_text"), { yes: t("ui.reading.release"), kind: "primary" }))) return;
    await this.act("release");
  }

  async amend() {
    const reason = await askReason({ title: t("ui.reading.amend"), intro: t("ui.reading.amend_text"), yes: t("ui.reading.amend") });
    if (reason !== null) await this.act("amend", { reason });
  }

  async leaveAfter(act) {
    if (!(await act)) return;
    if (this.editor) this.editor.discard();
    toast(t("ui.reading.returned"));
    await this.next();
  }

  async next() {
    if (this.editor) await this.editor.flush();
    await this.onnext();
  }

  async signed(view) {
    toast(t("ui.reading.signed", { id: view.short_id }));
    this.take(view);
    this.panel.scrollTop = 0;
    this.foot.prepend(button(t("ui.reading.next"), () => this.next(), { kind: "primary", testid: "next-after-sign" }));
  }

  /** Single keys work outside the viewer and outside text fields. */
  key(name, event) {
    if (event.target instanceof Element && event.target.closest(".qp-viewer")) return false;
    if (name === "Escape") this.onback();
    else if (name === "n" || name === "N") guarded(() => this.next());
    else if ((name === "c" || name === "C") && this.view && this.view.permissions.claim) guarded(() => this.act("claim"));
    else return Boolean(this.findings && this.findings.key(name));
    return true;
  }
}

/** `申请 · 急诊 · 胸痛`: what matters also while the fold is closed. */
function requestTitle(view) {
  return [t("ui.reading.request"), known("ui.requested", view.clinical.requested), view.clinical.symptom].filter(Boolean).join(" · ");
}

/** Who reads the case, or amends its report. */
const holderOf = (view) => (view.state === "claimed" ? view.claimed_by : view.amended_by);

const isElsewhere = (view) => Boolean(holderOf(view)) && !holderOf(view).is_me;

function editorVersion(view) {
  return `${view.state}|${view.report_version}|${view.permissions.write}`;
}

