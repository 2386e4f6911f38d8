/** Sites as a tree: county, townships, villages; added, renamed, closed. */
import { get, hasRole, post, put, t } from "/static/api.js";
import { button, confirmed, fill, h, toast } from "/static/dom.js";
import { known, placeholder } from "/static/parts.js";
import { phoneLink } from "/static/calls.js";
import { choice, formDialog, line, text } from "/static/admin_form.js";

const BELOW = { county: ["township", "village"], township: ["village"], village: [] };
const ZONES = ["Asia/Shanghai", "Asia/Urumqi"];

export class SiteTree {
  constructor() {
    this.rows = h("div", { class: "qp-admin-rows", role: "tree", "aria-label": t("ui.admin.tab.sites") });
    this.element = h("div", {}, h("p", { class: "qp-fine" }, t("ui.admin.sites_text")), this.rows);
  }

  async load() {
    this.sites = await get("/sites/all");
    const roots = this.sites.filter((one) => !one.parent_id);
    fill(this.rows, roots.length ? roots.map((one) => this.branch(one, 0)) : placeholder("empty", t("ui.admin.no_site")));
  }

  branch(one, depth) {
    return [this.row(one, depth), ...this.sites.filter((other) => other.parent_id === one.id).map((other) => this.branch(other, depth + 1))];
  }

  row(one, depth) {
    const can = hasRole("system_administrator");
    return h("article", { class: `qp-admin-row qp-site-row qp-depth-${depth} ${one.is_active ? "" : "qp-closed"}`, role: "treeitem", "aria-level": depth + 1, dataset: { testid: "site-row", site: one.id } },
      h("span", {}, h("b", {}, one.name), " ", h("span", { class: "qp-badge" }, known("ui.site", one.kind)), one.is_active ? null : h("span", { class: "qp-badge qp-urgency-undetermined" }, t("ui.admin.state.closed"))),
      h("span", {}, one.phone ? phoneLink(one.phone) : h("span", { class: "qp-bad" }, t("ui.contact.none"))), h("span", { class: "qp-fine" }, one.time_zone),
      h("span", { class: "qp-row qp-acts" }, can ? [
        one.is_active && BELOW[one.kind].length ? button(t("ui.admin.add_below"), () => this.add(one), { kind: "quiet", testid: "add-below" }) : null,
        button(t("ui.admin.edit"), () => this.edit(one), { kind: "quiet", testid: "edit" }),
        one.parent_id ? button(t(one.is_active ? "ui.admin.close" : "ui.admin.open"), () => this.setActive(one), { kind: "quiet", testid: "activity" }) : null] : null));
  }

  facts(one) {
    const name = text("name", one.name, { maxLength: 100 });
    const phone = text("phone", one.phone, { maxLength: 40, inputMode: "tel" });
    const zones = ZONES.includes(one.time_zone) ? ZONES : [...ZONES, one.time_zone];
    const zone = choice("zone", zones.map((value) => [value, value]), one.time_zone);
    return { fields: [line(t("ui.admin.site_name"), name), line(t("ui.form.phone"), phone, t("ui.admin.phone_hint")), line(t("ui.admin.zone"), zone)],
      values: () => ({ name: name.value.trim(), phone: phone.value.trim(), time_zone: zone.value }) };
  }

  async add(parent) {
    const kind = choice("kind", BELOW[parent.kind].map((value) => [value, known("ui.site", value)]));
    const facts = this.facts({ name: "", phone: "", time_zone: parent.time_zone });
    const done = await formDialog({ title: t("ui.admin.add_below_of", { name: parent.name }), yes: t("ui.admin.make"), fields: [line(t("ui.admin.kind"), kind), facts.fields],
      send: () => post("/sites", { ...facts.values(), kind: kind.value, parent_id: parent.id }) });
    if (done) await this.changed();
  }

  async edit(one) {
    const facts = this.facts(one);
    const done = await formDialog({ title: t("ui.admin.edit_of", { name: one.name }), yes: t("ui.common.save"), fields: facts.fields, send: () => put(`/sites/${encodeURIComponent(one.id)}`, facts.values()) });
    if (done) await this.changed();
  }

  async setActive(one) {
    const act = t(one.is_active ? "ui.admin.close" : "ui.admin.open");
    const words = t(one.is_active ? "ui.admin.close_site_text" : "ui.admin.open_site_text", { name: one.name });
    if (!(await confirmed(act, words, { yes: act, kind: one.is_active ? "danger" : "primary" }))) return;
    await put(`/sites/${encodeURIComponent(one.id)}/active`, { is_active: !one.is_active });
    await this.changed();
  }

  async changed() {
    toast(t("ui.admin.saved"));
    await this.load();
  }
}
