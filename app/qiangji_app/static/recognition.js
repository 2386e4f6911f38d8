/** 互认: open a signed result of another site with a reason, recognise or refuse it; who opened ours. */
import { get, post, query, start, t } from "/static/api.js";
import { button, dialog, fill, h, showError, toast, when } from "/static/dom.js";
import { modalityText, placeholder } from "/static/parts.js";
import { field, select } from "/static/referral_codes.js";

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    await new RecognitionPage(root).open();
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class RecognitionPage {
  constructor(root) {
    this.root = root;
    this.form = { basis: "present", reason: "", name: "", id_number: "", document: "", referral_id: "" };
    this.found = h("div", { role: "status", dataset: { testid: "results" } });
    this.mine = h("div", { class: "qp-admin-rows", role: "list", dataset: { testid: "mine" } });
    this.owner = h("div", { class: "qp-admin-rows", role: "list", dataset: { testid: "owner" } });
    this.fields = h("div", { class: "qp-ref-grid" });
  }

  async open() {
    this.lists = await get("/recognition");
    const panel = (title, text, ...parts) => h("section", { class: "qp-panel" }, h("h2", {}, t(title)), h("p", { class: "qp-fine" }, t(text)), parts);
    fill(this.root, h("main", { class: "qp-page qp-recognition" },
      this.lists.may_open ? [panel("ui.recognition.find", "ui.recognition.find_text", this.basis(), this.fields,
        h("div", { class: "qp-row" }, button(t("ui.recognition.search"), () => this.search(), { kind: "primary", testid: "search" })), this.found),
      panel("ui.recognition.mine", "ui.recognition.mine_text", this.mine)] : null,
      panel("ui.recognition.owner", "ui.recognition.owner_text", this.owner)));
    if (this.lists.may_open) this.drawFields();
    await this.refresh();
  }

  basis() {
    const chips = ["present", "referral"].map((value) => h("button", { type: "button", class: "qp-chip", "aria-pressed": String(value === this.form.basis), dataset: { testid: `basis-${value}`, value }, onclick: () => choose(value) }, t(`ui.recognition.basis_${value}`)));
    const choose = (value) => {
      this.form.basis = value;
      for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.value === value));
      this.drawFields();
    };
    return h("div", { class: "qp-row", role: "group", "aria-label": t("ui.recognition.basis") }, chips);
  }

  drawFields() {
    fill(this.found);
    const { form, lists } = this;
    const text = (name, props = {}) => h("input", { type: "text", class: "qp-input", autocomplete: "off", value: form[name], dataset: { testid: name }, oninput: (event) => { form[name] = event.target.value; }, ...props });
    const list = (name, options) => select(options, form[name], { label: t(`ui.recognition.${name}`), empty: t("ui.recognition.choose"), testid: name, onchange: (value) => { form[name] = value; } });
    const needed = { needed: true };
    const who = form.basis === "present"
      ? [field(t("ui.recognition.document"), list("document", lists.documents), needed), field(t("ui.recognition.name"), text("name", { maxLength: 100 }), needed), field(t("ui.recognition.id_number"), text("id_number", { maxLength: 18, inputMode: "text" }), needed)]
      : lists.referrals.length ? field(t("ui.recognition.referral"), list("referral_id", lists.referrals.map((one) => ({ id: one.id, text: one.patient || one.id.slice(-8) }))), needed)
        : h("p", { class: "qp-fine", dataset: { testid: "no-referrals" } }, t("ui.recognition.no_referrals"));
    fill(this.fields, who, field(t("ui.recognition.reason"), list("reason", lists.openings), needed));
  }

  async search() {
    fill(this.found, placeholder("loading", ""));
    try {
      const { items } = await post("/recognition/results", this.form);
      fill(this.found, items.length ? items.map((one) => this.result(one)) : placeholder("empty", t("ui.recognition.none")));
    } catch (error) {
      fill(this.found);
      throw error;
    }
  }

  result(one) {
    const quality = one.is_passed === null ? "unknown" : String(one.is_passed);
    const recency = one.window === "unset" ? t("ui.recognition.window_unset") : t(`ui.recognition.window_${one.window}`, { days: one.window_days });
    return h("article", { class: "qp-card qp-recog-card", dataset: { testid: "found", case: one.case_id } },
      h("div", { class: "qp-row" }, h("b", {}, modalityText(one.modality)), one.mark ? h("span", { class: "qp-badge qp-recog-mark" }, one.mark) : null,
        h("span", { class: `qp-badge qp-recog-quality-${quality}` }, t(`ui.recognition.quality_${quality}`)), h("span", { class: `qp-badge qp-recog-window-${one.window}` }, recency),
        one.decision ? h("span", { class: "qp-badge" }, t(`ui.recognition.kind_${one.decision}`)) : null),
      h("p", {}, t("ui.recognition.line", { site: one.site_name, day: one.examined_on || t("ui.recognition.day_unknown"), signer: one.signer_site || "—", at: when(one.signed_at), version: one.version })),
      h("ul", { class: "qp-fine" }, one.evidence.map((line) => h("li", {}, line))),
      h("div", { class: "qp-row" }, one.may_judge ? [button(t("ui.recognition.recognise"), () => this.judged(this.decide(one, { decision: "recognised" })), { kind: "primary", testid: "recognise-found" }), button(t("ui.recognition.refuse"), () => this.judged(this.refuse(one)), { testid: "refuse-found" })] : null,
        one.is_own ? h("span", { class: "qp-fine" }, t("ui.recognition.own")) : button(t("ui.recognition.open"), () => this.openOne(one), { kind: "primary", testid: "open" })));
  }

  /** Show what was found again, once somebody has judged one of them. */
  async judged(act) {
    if (await act) await this.search();
  }

  async openOne(one) {
    const opened = await post("/recognition/openings", { ...this.form, case_id: one.case_id });
    toast(t("ui.recognition.opened", { hours: this.lists.open_hours }));
    this.show(opened.id);
    await this.refresh();
  }

  show(id) {
    window.open(`/api/v1/recognition/openings/${encodeURIComponent(id)}/result.html`, "_blank", "noopener");
  }

  async refresh() {
    const load = async (area, view, empty) => {
      try {
        const { items } = await get(query("/recognition/acts", { view }));
        fill(area, items.length ? items.map((one) => this.row(one, view)) : placeholder("empty", t(empty)));
      } catch (error) {
        fill(area, placeholder("error", error.message, button(t("ui.common.retry"), () => this.refresh())));
      }
    };
    if (this.lists.may_open) await load(this.mine, "mine", "ui.recognition.mine_empty");
    await load(this.owner, "owner", "ui.recognition.owner_empty");
  }

  row(one, view) {
    const who = view === "owner" ? t("ui.recognition.by", { site: one.site_name, name: one.actor }) : t("ui.recognition.from", { site: one.case_site_name });
    return h("article", { class: "qp-admin-row qp-recog-row", role: "listitem", dataset: { testid: "act", kind: one.kind } },
      h("time", {}, when(one.at)), h("span", { class: `qp-badge qp-recog-${one.kind}` }, t(`ui.recognition.kind_${one.kind}`)), h("b", {}, `${modalityText(one.modality)} ${one.short_id}`), h("span", {}, one.patient), h("span", {}, who),
      h("span", { class: "qp-fine" }, [one.basis && t(`ui.recognition.basis_${one.basis}`), one.reason].filter(Boolean).join(" · ")),
      view === "mine" && one.kind === "opened" && one.is_open ? h("span", { class: "qp-row" }, button(t("ui.recognition.look"), () => this.show(one.id), { testid: "look" }),
        button(t("ui.recognition.recognise"), () => this.decide(one, { decision: "recognised" }), { kind: "primary", testid: "recognise" }), button(t("ui.recognition.refuse"), () => this.refuse(one), { testid: "refuse" })) : null,
      view === "mine" && one.kind === "refused" && one.for_patient ? h("p", { class: "qp-recog-patient" }, h("b", {}, t("ui.recognition.tell")), one.for_patient) : null);
  }

  async decide(one, body) {
    const done = await post(`/cases/${encodeURIComponent(one.case_id)}/recognition`, body);
    toast(t(`ui.recognition.done_${done.kind}`));
    await this.refresh();
    return done;
  }

  refuse(one) {
    let code = "";
    const said = h("p", { class: "qp-recog-patient", role: "status", dataset: { testid: "for-patient" } });
    const problem = h("p", { class: "qp-field-error", role: "alert", hidden: true }, t("ui.recognition.choose_reason"));
    const radio = (choice) => h("label", {}, h("input", { type: "radio", name: "refusal", value: choice.id, dataset: { testid: `refusal-${choice.id}` }, onchange: () => { code = choice.id; problem.hidden = true; fill(said, h("b", {}, t("ui.recognition.tell")), choice.patient); } }), h("span", {}, choice.text, " ", h("span", { class: "qp-fine" }, choice.source)));
    return dialog({
      title: t("ui.recognition.refuse"), testid: "refuse-dialog", body: h("div", {}, h("p", {}, t("ui.recognition.refuse_text")), h("div", { class: "qp-radios qp-recog-refusals" }, this.lists.refusals.map(radio)), said, problem),
      actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.recognition.refuse"), kind: "primary", testid: "refuse-yes", run: () => {
        if (code) return this.decide(one, { decision: "refused", reason: code });
        problem.hidden = false;
        return false;
      } }],
    });
  }
}
