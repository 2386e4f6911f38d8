/** Notifiable diseases: the clock since the signature, who files the card, filing and arrival. */
import { get, post, t } from "/static/api.js";
import { dayInput } from "/static/dates.js";
import { button, dialog, fill, h, when } from "/static/dom.js";
import { personLine, placeholder } from "/static/parts.js";

export class DiseaseReports {
  constructor(go) {
    this.go = go;
    this.element = h("section", {});
  }

  async load() {
    this.draw(await get("/disease-reports"));
  }

  draw({ items }) {
    fill(this.element, h("h1", {}, t("ui.visit.tab.reports")), h("p", { class: "qp-fine" }, t("ui.disease.rule")), items.length ? items.map((one) => this.row(one)) : placeholder("empty", t("ui.disease.none")));
  }

  row(one) {
    const hours = Math.round((Date.parse(one.due_at) - Date.now()) / 3600000);
    const clock = one.filed_at ? t("ui.disease.filed_at", { at: when(one.filed_at), number: one.card_number }) : hours >= 0 ? t("ui.disease.left", { n: hours }) : t("ui.disease.late", { n: -hours });
    return h("article", { class: `qp-advice-card qp-edge-${one.filed_at ? "routine" : one.is_late ? "critical" : "urgent"}`, dataset: { testid: "disease-row" } },
      h("header", {}, h("h3", {}, one.name), h("button", { type: "button", class: "qp-plain", onclick: () => this.go({ person: one.person_id }) }, personLine(one.patient)), h("a", { href: `/results?case=${encodeURIComponent(one.case_id)}` }, t("ui.disease.report"))),
      h("p", {}, t("ui.disease.signed", { at: when(one.began_at), site: one.site.name })), h("p", {}, h("span", { class: `qp-badge ${one.is_late && !one.filed_at ? "qp-urgency-critical" : "qp-state-claimed"}`, dataset: { testid: "disease-clock" } }, clock), one.is_late && one.filed_at ? ` ${t("ui.disease.filed_late")}` : ""),
      h("p", {}, t("ui.disease.filer", { name: one.filer || t("ui.disease.nobody") }), " · ", one.arrived_on ? t("ui.disease.arrived", { day: one.arrived_on, place: one.place }) : t("ui.disease.not_arrived")),
      h("div", { class: "qp-row" }, one.filed_at ? null : [button(t("ui.disease.take"), () => this.act(one, "take", {}), { testid: "disease-take" }), button(t("ui.disease.file"), () => this.file(one), { kind: "primary", testid: "disease-file" })], one.arrived_on ? null : button(t("ui.disease.arrive"), () => this.arrive(one), { testid: "disease-arrive" })));
  }

  async act(one, path, body) {
    this.draw(await post(`/disease-reports/${encodeURIComponent(one.id)}/${path}`, body));
    return true;
  }

  async file(one) {
    const number = h("input", { class: "qp-input", maxLength: 64, "aria-label": t("ui.disease.number"), placeholder: t("ui.disease.number"), dataset: { testid: "disease-number" } });
    await dialog({ title: t("ui.disease.file"), body: number, actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "disease-file-yes", run: () => this.act(one, "filed", { card_number: number.value.trim() }) }] });
  }

  async arrive(one) {
    const day = dayInput({ label: t("ui.disease.day"), value: when(new Date().toISOString(), { day: true }), onday: () => {} });
    const place = h("input", { class: "qp-input", maxLength: 64, "aria-label": t("ui.disease.place"), placeholder: t("ui.disease.place"), dataset: { testid: "disease-place" } });
    await dialog({ title: t("ui.disease.arrive"), body: h("div", {}, day, place), actions: [{ text: t("ui.common.cancel"), kind: "quiet", run: () => null }, { text: t("ui.common.confirm"), kind: "primary", testid: "disease-arrive-yes", run: () => this.act(one, "arrived", { day: day.value, place: place.value.trim() }) }] });
  }
}
