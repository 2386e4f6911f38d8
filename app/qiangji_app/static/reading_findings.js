/** AI hints one by one: accept, reject or put another label in place; by mouse or keys. */
import { labelText, put, t } from "/static/api.js";
import { guarded, h } from "/static/dom.js";
import { aiBox, byStrength, flagLine, isAbnormal, known } from "/static/parts.js";
import { chooseLabel } from "/static/reading_label.js";

const VERDICTS = { a: "accepted", x: "rejected", e: "edited" };

export class FindingReview {
  constructor(view, { onverdict }) {
    this.view = view;
    this.onverdict = onverdict;
    this.rows = [];
    this.isSigned = view.report_version > 0 && !view.permissions.write;
    this.element = h("section", { class: "qp-findings", dataset: { testid: "findings" } }, view.recordings.map((one) => this.recording(one)));
  }

  recording(one) {
    const mine = (this.view.findings || []).filter((finding) => finding.recording_id === one.id && finding.source === "ai" && isAbnormal(finding));
    const shown = byStrength(mine.filter((finding) => finding.flag !== "none" || finding.verdict !== "open"));
    const rest = mine.filter((finding) => !shown.includes(finding) && !finding.is_uncertain);
    const list = h("div", {}, shown.map((finding) => this.row(finding)), rest.length ? h("details", { class: "qp-fine" }, h("summary", {}, t("ui.findings.unremarkable", { n: rest.length })),
      h("ul", {}, rest.map((finding) => h("li", {}, flagLine(finding, `${finding.label_text} · `))))) : null,
    shown.length && this.view.permissions.write ? h("p", { class: "qp-fine qp-keys" }, t("ui.hints.keys")) : null);
    return aiBox(one, mine, one.ai_status === "done" ? list : null, { isSigned: this.isSigned });
  }

  row(finding) {
    const can = this.view.permissions.write;
    const choice = (verdict, key) => h("button", { type: "button", class: `qp-verdict qp-verdict-${verdict}`, "aria-pressed": String(finding.verdict === verdict), title: key.toUpperCase(), dataset: { testid: `verdict-${verdict}` },
      onclick: () => guarded(() => this.decide(finding, verdict)) }, t(`ui.verdict.${verdict}`));
    const row = h("div", { class: `qp-finding qp-flag-${finding.flag}`, tabIndex: 0, dataset: { finding: finding.id, verdict: finding.verdict } },
      h("span", { class: "qp-grow" }, h("b", {}, finding.label_text), h("span", { class: "qp-line" }, finding.suppressed_by ? finding.suppressed_text || t("ui.ai.suppressed") : flagLine(finding)),
        finding.verdict === "edited" ? h("span", { class: "qp-line" }, `→ ${labelText(finding.verdict_label)}`) : null),
      can ? h("span", { class: "qp-verdicts", role: "group", "aria-label": known("ui.verdict", finding.verdict) }, Object.entries(VERDICTS).map(([key, verdict]) => choice(verdict, key)))
        : h("span", { class: "qp-badge", dataset: { testid: "verdict" } }, known("ui.verdict", finding.verdict)));
    this.rows.push({ row, finding });
    return row;
  }

  /** The same verdict again changes nothing: a second key stroke must not undo a decision unseen. */
  async decide(finding, verdict) {
    if (finding.verdict === verdict && verdict !== "edited") return undefined;
    if (verdict !== "edited") return this.send(finding, { verdict });
    const label = await chooseLabel(finding);
    return label ? this.send(finding, { verdict, label }) : undefined;
  }

  async send(finding, body) {
    await put(`/cases/${this.view.id}/findings/${finding.id}`, body);
    const focused = finding.id;
    await this.onverdict();
    const again = document.querySelector(`[data-finding="${CSS.escape(focused)}"]`);
    if (again) again.focus({ preventScroll: true });
  }

  /** A, X, E decide on the focused hint (else the first open one); J and K walk. */
  key(name) {
    if (!this.rows.length) return false;
    const at = this.rows.findIndex(({ row }) => row.contains(document.activeElement));
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[name];
    if (step) {
      const next = this.rows[at < 0 ? 0 : (at + step + this.rows.length) % this.rows.length];
      next.row.focus();
      next.row.scrollIntoView({ block: "nearest" });
      return true;
    }
    const verdict = VERDICTS[name.toLowerCase()];
    if (!verdict || !this.view.permissions.write) return false;
    const target = at >= 0 ? this.rows[at] : this.rows.find(({ finding }) => finding.verdict === "open");
    if (target) guarded(() => this.decide(target.finding, verdict));
    return Boolean(target);
  }
}
