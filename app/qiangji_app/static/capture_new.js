/** A new examination: files, request form, quality and AI hints, submission. */
import { ApiError, del, get, newId, post, put, session, t } from "/static/api.js";
import { beforeLeaving, button, confirmed, debounce, fill, guarded, h, showError, toast } from "/static/dom.js";
import { callList } from "/static/calls.js";
import { alarm, isPending, loadCase, messageThread, modalitiesOf, modalityText, personLine, stateBadge } from "/static/parts.js";
import { RequestForm } from "/static/capture_form.js";
import { ItemList } from "/static/capture_items.js";
import { submitCase } from "/static/capture_submit.js";
import { askIdentity } from "/static/identity_reasons.js";
import { answer, drop, enqueue, filesOf, ofFolder, onUploads, settle, uploads, usable } from "/static/upload.js";
import { forget, recall, remember } from "/static/store.js";

const POLL_MS = 1500;
/** As the server: one examination of one patient. */
const MAX_FILES = 20;
/** Kinds of file that do not say what they show. */
const PICTURE = /\.(png|jpe?g|bmp)$/i;

const userId = () => session().user.id;

export class NewExamination {
  /** Make an existing case the one at the desk. */
  static adopt(view) {
    remember(userId(), "case", { id: view.id, modality: view.modality || "", exists: true });
    remember(userId(), `form.${view.id}`, RequestForm.fromView(view));
  }

  constructor(body, { onsubmitted, onlist, onnew }) {
    this.body = body;
    this.onsubmitted = onsubmitted;
    this.onlist = onlist;
    this.onnew = onnew;
    this.view = null;
    this.saves = 0;
    this.current = recall(userId(), "case") || this.fresh();
    this.items = new ItemList({ onremove: (recording) => this.remove(recording), onchange: () => this.reload(), onmodality: (value) => this.answerModality(value) });
    this.form = new RequestForm({
      values: recall(userId(), `form.${this.current.id}`),
      onchange: (values) => { if (this.form.isSound()) this.say(""); remember(userId(), `form.${this.current.id}`, values); this.saveSoon(); },
      onidentity: (fields, differences) => this.confirmIdentity(fields, differences),
    });
    this.saveSoon = debounce(() => this.save(), 900);
  }

  fresh() {
    const current = { id: newId(), modality: "", exists: false };
    remember(userId(), "case", current);
    return current;
  }

  open() {
    this.notice = h("div", { class: "qp-notices" });
    this.both = h("div", { role: "status" });
    this.saved = h("span", { class: "qp-fine", role: "status", dataset: { testid: "bar-note" } });
    this.submitButton = button(t("ui.capture.submit"), () => this.submit(), { kind: "primary", testid: "submit-case" });
    fill(this.body, this.notice,
      h("div", { class: "qp-two" },
        h("section", { class: "qp-panel" }, h("h2", {}, h("span", { class: "qp-step" }, "1"), t("ui.capture.step.files")), this.dropZone(), this.both, this.items.element),
        h("section", { class: "qp-panel" }, h("h2", {}, h("span", { class: "qp-step" }, "2"), t("ui.capture.step.form")), this.form.element)),
      h("div", { class: "qp-submit-bar" }, this.saved, h("span", { class: "qp-grow" }),
        button(t("ui.capture.discard"), () => this.discard(), { kind: "quiet", testid: "discard" }), this.submitButton));
    this.stop = onUploads((item) => this.uploadChanged(item));
    this.stay = beforeLeaving((how) => this.settle(how));
    this.leave = (event) => { if (uploads().some((item) => item.volatile && item.state !== "stored")) event.preventDefault(); };
    window.addEventListener("beforeunload", this.leave);
    this.draw();
    this.reload();
  }

  close() {
    this.saveSoon.flush();
    if (this.stop) this.stop();
    if (this.stay) this.stay();
    clearTimeout(this.timer);
    this.closed = true;
    window.removeEventListener("beforeunload", this.leave);
  }

  dropZone() {
    const pick = (folder) => {
      const input = h("input", { type: "file", multiple: true, hidden: true, dataset: { testid: folder ? "pick-folder" : "pick-files" },
        onchange: () => guarded(async () => { const chosen = usable([...input.files]); await this.add(folder ? ofFolder(chosen) : { files: chosen, leftOut: [] }); input.value = ""; }) });
      if (folder) input.webkitdirectory = true;
      return input;
    };
    const files = pick(false);
    const folder = pick(true);
    this.modalityChips = h("div", { class: "qp-chips", role: "group", "aria-label": t("ui.capture.modality") }, ["", "cxr", "ecg"].map((value) =>
      h("button", { type: "button", class: "qp-chip", dataset: { modality: value }, "aria-pressed": String(this.current.modality === value), onclick: () => guarded(() => this.setModality(value)) }, value ? modalityText(value) : t("ui.capture.modality_auto"))));
    const zone = h("div", { class: "qp-drop", dataset: { testid: "drop" } }, h("p", { class: "qp-drop-title" }, t("ui.capture.drop")), h("p", { class: "qp-fine" }, t("ui.capture.drop_kinds")),
      h("div", { class: "qp-row qp-center" }, button(t("ui.capture.pick_files"), () => files.click(), { kind: "primary" }), button(t("ui.capture.pick_folder"), () => folder.click())), files, folder);
    const over = (on) => (event) => { event.preventDefault(); zone.classList.toggle("qp-over", on); };
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      over(false)(event);
      guarded(async () => this.add(await filesOf(event.dataTransfer)));
    });
    return h("div", {}, this.modalityChips, zone);
  }

  /** Say what the files show that do not say so themselves; both kinds go up as two requests. */
  async setModality(value) {
    const isNamed = Boolean(this.view && this.view.modality);
    if (value && this.current.exists && !isNamed) await post("/cases", { case_id: this.current.id, modality: value });
    this.current.modality = value;
    remember(userId(), "case", this.current);
    for (const chip of this.modalityChips.children) chip.setAttribute("aria-pressed", String(chip.dataset.modality === value));
    if (value) await answer(this.current.id, value);
  }

  async answerModality(value) {
    await guarded(() => this.setModality(value));
    this.say("");
    this.draw();
  }

  /** A message in the bar at the foot: it covers no button. */
  say(text, kind = "") {
    this.saved.textContent = text;
    this.saved.className = kind ? `qp-bar-note qp-bar-${kind}` : "qp-fine";
  }

  async add({ files, leftOut }) {
    if (!files.length) {
      toast(t("ui.capture.no_files"), { kind: "warn" });
      return;
    }
    if (this.view && !this.view.permissions.edit) {
      toast(t("ui.capture.already_submitted"), { kind: "warn" });
      return;
    }
    const already = uploads(this.current.id).length + (this.view ? this.view.recordings.length : 0);
    if (already + files.length > MAX_FILES) {
      this.say(t("ui.capture.too_many", { n: already + files.length, max: MAX_FILES }), "warn");
      return;
    }
    const asks = (file) => !this.current.modality && file.size && PICTURE.test(file.name);
    await enqueue(this.current.id, this.current.modality, files.filter((file) => !asks(file)));
    await enqueue(this.current.id, "", files.filter(asks), { isAsked: true });
    this.say(leftOut.length ? t("ui.capture.left_out", { n: leftOut.length, names: leftOut.slice(0, 3).join(" · ") }) : "");
    this.draw();
  }

  uploadChanged(item) {
    if (item.case_id !== this.current.id) return;
    this.draw();
    if (item.state === "stored" && item.recording_id) this.reloadSoon(0);
  }

  /** Make the case exist on the server; repeating is harmless. */
  async ensureCase() {
    if (this.current.exists) return;
    await post("/cases", { case_id: this.current.id, modality: this.current.modality || null });
    this.current.exists = true;
    remember(userId(), "case", this.current);
  }

  /** Before the page is left: saved, or said that words without a name go nowhere at sign-out, which forgets them. */
  async settle({ forgets = false } = {}) {
    await this.saveSoon.flush();
    if (forgets && this.form.isTyped() && !this.form.isWorthSaving()) throw new Error(t("ui.capture.not_kept"));
  }

  /** Save the form when it names somebody; the typed text is kept here in any case. */
  async save({ loud = false } = {}) {
    if (!this.form.isWorthSaving()) {
      if (!this.form.isSound()) this.say(t("ui.capture.not_saved"), "warn");
      return;
    }
    try {
      await this.ensureCase();
      this.saves += 1;
      this.view = await put(`/cases/${this.current.id}/request`, this.form.request());
      this.saves += 1;
      this.say(t("ui.capture.saved"));
      this.form.showAnswer(this.view);
      this.draw();
      this.watch(); // another age or sex has every recording read again
    } catch (error) {
      if (loud) throw error;
      if (error instanceof ApiError && error.status === 0) this.say(t("ui.capture.saved_here"));
      else this.say(error.message, "warn");
    }
  }

  async confirmIdentity(fields, differences) {
    const given = await askIdentity(fields, differences, t("ui.capture.mismatch_confirm"));
    if (given === null) return;
    this.view = await post(`/cases/${this.current.id}/identity`, given);
    this.form.showAnswer(this.view);
    toast(t("ui.capture.mismatch_confirmed"));
    this.draw();
  }

  /** Ask again for duplicates and differences once a file's own identity is known. */
  async warn() {
    if (!this.view || !this.view.permissions.edit) return;
    const warnings = await get(`/cases/${this.current.id}/warnings`);
    this.form.showAnswer(warnings);
  }

  reloadSoon(ms = POLL_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reload(), ms);
  }

  async reload() {
    const known = this.current.exists || uploads(this.current.id).some((item) => item.received || item.state === "stored");
    if (!known || this.closed) return;
    try {
      const id = this.current.id;
      const saves = this.saves;
      const view = await loadCase(id);
      if (saves !== this.saves) { this.reloadSoon(0); return; } // a save overtook this look
      if (id !== this.current.id || this.closed) return;
      if (view.state !== "draft" && view.state !== "returned") {
        this.leaveBehind();
        return;
      }
      this.view = view;
      this.current.exists = true;
      remember(userId(), "case", this.current);
      await settle(id, view.recordings.map((recording) => recording.id));
    } catch (error) {
      if (error.status === 404) this.view = null;
      else if (error.status !== 0) { showError(error); return; }
    }
    this.draw();
    if (this.view && this.view.recordings.length) await guarded(() => this.warn());
    this.watch();
  }

  /** Wait for the AI by asking for its recordings only: each look at a case is audited. */
  watch() {
    const waiting = this.view ? this.view.recordings.filter(isPending) : [];
    clearTimeout(this.timer);
    if (!waiting.length || this.closed) return;
    this.timer = setTimeout(async () => {
      try {
        const now = await Promise.all(waiting.map((one) => get(`/recordings/${one.id}`)));
        if (this.closed) return;
        if (now.some((one) => !isPending(one))) await this.reload();
        else this.watch();
      } catch (error) {
        if (error.name !== "ApiError") throw error;
        this.watch();
      }
    }, POLL_MS);
  }

  draw() {
    const view = this.view;
    this.items.draw(uploads(this.current.id), view);
    if (view) this.form.showFileFacts(view);
    fill(this.both, view && modalitiesOf(view).length > 1 ? h("p", { class: "qp-card qp-card-wait", dataset: { testid: "will-split" } }, t("ui.capture.will_split", { kinds: modalitiesOf(view).map(modalityText).join(t("ui.ai.comma")) })) : null);
    const returned = view && view.state === "returned";
    const open = view && view.calls && view.calls.length;
    fill(this.notice, view && alarm(view, { after: () => this.reload() }), open ? callList(view, () => this.reload()) : null, returned ? this.returnedBox(view) : null);
    this.submitButton.textContent = t(returned ? "ui.capture.resubmit" : "ui.capture.submit");
  }

  returnedBox(view) {
    const last = (view.messages || []).filter((message) => message.kind === "return").pop();
    return h("section", { class: "qp-card qp-card-refuse", dataset: { testid: "returned" } }, h("b", {}, t("ui.case.returned")),
      h("span", {}, last ? `${last.reason_text} ${last.text}` : ""),
      h("p", { class: "qp-advice" }, t("ui.capture.retake_hint")),
      h("details", { class: "qp-full" }, h("summary", {}, t("ui.message.title")), messageThread(view, () => this.reload())));
  }

  async remove(recording) {
    if (!(await confirmed(t("ui.capture.remove"), t("ui.capture.remove_text", { name: recording.file_name }), { yes: t("ui.capture.remove") }))) return;
    await del(`/cases/${this.current.id}/recordings/${recording.id}`);
    await this.reload();
    this.draw();
  }

  async submit() {
    const problem = this.form.firstProblem();
    if (problem) {
      problem.focus();
      this.say(problem.text, "warn");
      return;
    }
    const open = uploads(this.current.id).filter((item) => item.state !== "stored");
    if (open.length || !((this.view && this.view.recordings.length) || uploads(this.current.id).length)) {
      this.say(open.length ? stillOpen(open) : t("ui.capture.no_recording"), "warn");
      return;
    }
    this.saveSoon.cancel();
    await this.save({ loud: true });
    const sent = await submitCase(this.view, this.form);
    if (!sent) return;
    const others = await Promise.allSettled(sent.siblings.filter((one) => one.id).map((one) => loadCase(one.id)));
    this.startOver(sent, others.filter((one) => one.status === "fulfilled").map((one) => one.value)); // a lost link unsends nothing
  }

  /** The case went up elsewhere (another tab, another desk): begin a new one. */
  leaveBehind() {
    forget(userId(), `form.${this.current.id}`);
    this.close();
    this.fresh();
    this.onnew();
  }

  /** The desk is free for the next patient; what was sent stays visible. */
  startOver(sent, others) {
    forget(userId(), `form.${this.current.id}`);
    this.close();
    this.fresh();
    fill(this.body, h("section", { class: "qp-panel qp-done", dataset: { testid: "submitted" } }, h("h2", {}, sent.siblings.length ? t("ui.capture.submitted_both", { n: sent.siblings.length + 1 }) : t("ui.capture.submitted")), h("p", {}, personLine(sent.patient)),
      sentLines(sent), [sent, ...others].map((one) => alarm(one)), h("p", {}, t("ui.capture.submitted_text")),
      h("div", { class: "qp-row qp-center" }, button(t("ui.capture.next"), () => this.onnew(), { kind: "primary", testid: "next-patient" }), button(t("ui.capture.tab.mine"), () => this.onlist()))));
    window.scrollTo(0, 0);
    this.body.querySelector('[data-testid="next-patient"]').focus();
    this.onsubmitted(sent);
  }

  async discard() {
    this.saveSoon.cancel();
    const isDraft = this.view && this.view.permissions.withdraw;
    if (!(await confirmed(t("ui.capture.discard"), t(isDraft ? "ui.capture.discard_text" : "ui.capture.clear_text"), { yes: t("ui.capture.discard") }))) return;
    if (isDraft) await post(`/cases/${this.current.id}/withdraw`, { reason: t("ui.capture.discard_reason") });
    for (const item of uploads(this.current.id)) await drop(item.upload_id);
    forget(userId(), `form.${this.current.id}`);
    this.close();
    this.fresh();
    this.onnew();
  }
}

/** The number of what went up; of several requests with kind and state. */
function sentLines(sent) {
  if (!sent.siblings.length) return h("p", { class: "qp-big" }, sent.short_id);
  return h("ul", { class: "qp-sent" }, [sent, ...sent.siblings].map((one) =>
    h("li", { dataset: { testid: "sent-request" } }, h("b", {}, modalityText(one.modality)), h("span", { class: "qp-big" }, one.short_id), stateBadge(one.state))));
}

/** Which file keeps the case from going up, by name. */
function stillOpen(open) {
  const asked = open.find((item) => item.state === "asked");
  if (asked) return t("ui.capture.modality_ask", { name: asked.file_name });
  if (!navigator.onLine || open.some((item) => item.isCut)) return t("ui.capture.line_down");
  const failed = open.find((item) => item.state === "failed");
  return t(failed ? "ui.capture.one_failed" : "ui.capture.still_sending", { name: (failed || open[0]).file_name });
}
