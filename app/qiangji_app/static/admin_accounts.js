/** Accounts: who, where, with which roles; made, changed, closed, reset. */
import { get, hasRole, post, put, session, t } from "/static/api.js";
import { button, confirmed, dialog, fill, h, toast, when } from "/static/dom.js";
import { known, modalityText, placeholder } from "/static/parts.js";
import { boxes, choice, formDialog, line, text } from "/static/admin_form.js";

const ROLES = ["village_doctor", "operator", "township_doctor", "specialist", "receiving_doctor", "county_manager", "system_administrator", "security_administrator", "auditor", "developer"];
const SEPARATED = ["system_administrator", "security_administrator", "auditor"];
const GRANTED = [...SEPARATED, "specialist"];
const MODALITIES = ["cxr", "ecg"];
const USUAL = { village_doctor: ["village"], operator: ["township", "village"], township_doctor: ["township"], specialist: ["county"], receiving_doctor: ["county"], county_manager: ["county"] }; // kinds of site where a role works; the others work anywhere

export class AccountList {
  constructor() {
    this.search = text("search", "", { type: "search", placeholder: t("ui.admin.search"), "aria-label": t("ui.admin.search"), oninput: () => this.draw() });
    this.closed = h("input", { type: "checkbox", dataset: { testid: "show-closed" }, onchange: () => this.draw() });
    this.count = h("span", { class: "qp-fine", role: "status" });
    this.rows = h("div", { class: "qp-admin-rows", role: "list" });
    this.element = h("div", {}, h("div", { class: "qp-row qp-filter" }, this.search, h("label", { class: "qp-check" }, this.closed, t("ui.admin.show_closed")), this.count, h("span", { class: "qp-grow" }),
      hasRole("system_administrator") ? button(t("ui.admin.new_account"), () => this.make(), { kind: "primary", testid: "new-account" }) : null),
    h("p", { class: "qp-fine" }, t(hasRole("system_administrator") ? "ui.admin.duty_system" : "ui.admin.duty_security")), this.rows);
  }

  async load() {
    [this.accounts, this.sites] = await Promise.all([get("/accounts"), get("/sites/all")]);
    this.draw();
  }

  siteName(id) {
    const found = this.sites.find((one) => one.id === id);
    return found ? found.name : id;
  }

  draw() {
    const wanted = this.search.value.trim().toLowerCase();
    const shown = this.accounts.filter((one) => (this.closed.checked || one.is_active)
      && [one.login, one.display_name, this.siteName(one.site_id), ...one.roles.map((role) => known("ui.role", role))].some((words) => words.toLowerCase().includes(wanted)));
    this.count.textContent = t("ui.admin.count", { n: shown.length });
    fill(this.rows, shown.length ? shown.map((one) => this.row(one)) : placeholder("empty", t("ui.admin.no_account")));
  }

  row(one) {
    const isSelf = one.id === session().user.id;
    return h("article", { class: `qp-admin-row ${one.is_active ? "" : "qp-closed"}`, role: "listitem", dataset: { testid: "account-row", login: one.login } },
      h("span", {}, h("b", {}, one.display_name), h("span", { class: "qp-fine qp-line" }, one.login)),
      h("span", {}, one.roles.map((role) => known("ui.role", role)).join(t("ui.ai.comma")), one.licence_number ? h("span", { class: "qp-fine qp-line" }, `${t("ui.account.licence")} ${one.licence_number} · ${one.sign_modalities.map(modalityText).join(t("ui.ai.comma"))}`) : null),
      h("span", {}, this.siteName(one.site_id)), h("span", {}, states(one)),
      h("span", { class: "qp-row qp-acts" },
        hasRole("system_administrator") ? button(t("ui.admin.edit"), () => this.edit(one), { kind: "quiet", testid: "edit" }) : null,
        hasRole("security_administrator") && !isSelf ? button(t("ui.admin.roles"), () => this.grant(one), { kind: "quiet", testid: "roles" }) : null,
        isSelf || !mayTouch(one) ? null : [one.roles.includes("security_administrator") ? null : button(t("ui.admin.reset"), () => this.reset(one), { kind: "quiet", testid: "reset" }),
          button(t(one.is_active ? "ui.admin.close" : "ui.admin.open"), () => this.setActive(one), { kind: "quiet", testid: "activity" })]));
  }

  /** Sites to choose from; nobody is at one that was not chosen. */
  siteChoice(value) {
    const open = this.sites.filter((one) => one.is_active || one.id === value).map((one) => [one.id, one.name]);
    return choice("site", value ? open : [["", t("ui.common.choose")], ...open], value);
  }

  /** A line that warns while a role is unusual at the level of the site; `changing` are the inputs that decide it. */
  unusual(siteId, roles, changing) {
    const warning = h("p", { class: "qp-field-error", role: "status", dataset: { testid: "unusual-role" } });
    const follow = () => {
      const site = this.sites.find((one) => one.id === siteId());
      const odd = site ? roles().filter((role) => USUAL[role] && !USUAL[role].includes(site.kind)) : [];
      warning.textContent = odd.length ? t("ui.admin.unusual_role", { site: site.name, kind: known("ui.site", site.kind), roles: odd.map((role) => known("ui.role", role)).join(t("ui.ai.comma")) }) : "";
      warning.hidden = !odd.length;
    };
    for (const one of changing) one.addEventListener("change", follow);
    follow();
    return warning;
  }

  async make() {
    const [login, name] = [text("login", "", { autocomplete: "off", autocapitalize: "none", maxLength: 100 }), text("name", "", { maxLength: 100 })];
    const [site, roles] = [this.siteChoice(""), boxes("role", this.givable().map((role) => [role, known("ui.role", role)]), [])];
    const made = await formDialog({ title: t("ui.admin.new_account"), yes: t("ui.admin.make"),
      fields: [line(t("ui.login.login"), login, t("ui.admin.login_hint")), line(t("ui.account.name"), name), line(t("ui.account.site"), site),
        h("div", { class: "qp-label" }, t("ui.account.roles")), roles.element, this.unusual(() => site.value, roles.chosen, [site, roles.element]), h("p", { class: "qp-fine" }, t("ui.admin.duty_system"))],
      missing: () => (site.value ? "" : t("ui.admin.site_needed")),
      send: () => post("/accounts", { login: login.value.trim(), display_name: name.value.trim(), site_id: site.value, roles: roles.chosen() }) });
    if (!made) return;
    await this.load();
    await showPassword(made);
  }

  /** Roles of a new account: the others are granted, but for the first security administrator's. */
  givable() {
    const isFirst = !this.accounts.some((one) => one.roles.includes("security_administrator"));
    return ROLES.filter((role) => !GRANTED.includes(role) || (isFirst && role === "security_administrator"));
  }

  async edit(one) {
    const [name, site] = [text("name", one.display_name, { maxLength: 100 }), this.siteChoice(one.site_id)];
    const done = await formDialog({ title: t("ui.admin.edit_of", { name: one.display_name }), yes: t("ui.common.save"), fields: [line(t("ui.account.name"), name), line(t("ui.account.site"), site), this.unusual(() => site.value, () => one.roles, [site])],
      send: () => put(`/accounts/${one.id}`, { display_name: name.value.trim(), site_id: site.value }) });
    if (done) await this.changed();
  }

  async grant(one) {
    const rights = new Rights(one);
    const done = await formDialog({ title: t("ui.admin.roles_of", { name: one.display_name }), yes: t("ui.common.save"), fields: [rights.elements, this.unusual(() => one.site_id, rights.roles.chosen, [rights.roles.element])], send: () => put(`/accounts/${one.id}/roles`, rights.values()) });
    if (done) await this.changed();
  }

  async reset(one) {
    if (!(await confirmed(t("ui.admin.reset"), t("ui.admin.reset_text", { name: one.display_name }), { yes: t("ui.admin.reset") }))) return;
    const made = await post(`/accounts/${one.id}/reset-password`);
    await this.load();
    await showPassword(made);
  }

  async setActive(one) {
    const act = t(one.is_active ? "ui.admin.close" : "ui.admin.open");
    const words = t(one.is_active ? "ui.admin.close_text" : "ui.admin.open_text", { name: one.display_name });
    if (!(await confirmed(act, words, { yes: act, kind: one.is_active ? "danger" : "primary" }))) return;
    await put(`/accounts/${one.id}/active`, { is_active: !one.is_active });
    await this.changed();
  }

  async changed() {
    toast(t("ui.admin.saved"));
    await this.load();
  }
}

/** Roles, licence and modalities; two of the separated three exclude each other as they are ticked. */
class Rights {
  constructor({ roles, licence_number: licence, sign_modalities: signs }) {
    this.roles = boxes("role", ROLES.map((role) => [role, known("ui.role", role)]), roles);
    this.licence = text("licence", licence, { maxLength: 64 });
    this.signs = boxes("signs", MODALITIES.map((one) => [one, modalityText(one)]), signs);
    this.specialist = h("div", {}, line(t("ui.account.licence"), this.licence), h("div", { class: "qp-label" }, t("ui.account.signs")), this.signs.element);
    this.elements = [h("div", { class: "qp-label" }, t("ui.account.roles")), this.roles.element, h("p", { class: "qp-fine" }, t("ui.admin.separation")), this.specialist];
    this.roles.element.addEventListener("change", () => this.follow());
    this.follow();
  }

  follow() {
    const chosen = this.roles.chosen();
    const held = chosen.find((role) => SEPARATED.includes(role));
    for (const box of this.roles.element.querySelectorAll("input")) box.disabled = Boolean(held) && SEPARATED.includes(box.value) && box.value !== held;
    this.specialist.hidden = !chosen.includes("specialist");
  }

  values() {
    const roles = this.roles.chosen();
    const isSpecialist = roles.includes("specialist");
    return { roles, licence_number: isSpecialist ? this.licence.value.trim() : "", sign_modalities: isSpecialist ? this.signs.chosen() : [] };
  }
}

/** Who closes, and but for security administrators resets, an account; as the server decides. */
function mayTouch(one) {
  if (one.roles.includes("security_administrator")) return hasRole("system_administrator");
  if (one.roles.some((role) => SEPARATED.includes(role))) return hasRole("security_administrator");
  return true;
}

function states(one) {
  const marks = [];
  if (!one.is_active) marks.push(["qp-urgency-undetermined", t("ui.admin.state.closed")]);
  if (one.is_locked) marks.push(["qp-urgency-urgent", t("ui.admin.state.locked")]);
  if (one.temporary_until) marks.push(["qp-state-returned", t("ui.admin.state.temporary", { at: when(one.temporary_until) })]);
  return marks.length ? marks.map(([kind, words]) => h("span", { class: `qp-badge ${kind}` }, words)) : h("span", { class: "qp-badge qp-state-acknowledged" }, t("ui.admin.state.active"));
}

/** The temporary password, once. */
async function showPassword(made) {
  if (!made.temporary_password) return;
  await dialog({ title: t("ui.admin.password_of", { name: made.display_name }), testid: "temporary-password",
    body: h("div", {}, h("dl", { class: "qp-facts" }, h("div", {}, h("dt", {}, t("ui.login.login")), h("dd", {}, made.login))), h("p", { class: "qp-secret", dataset: { testid: "secret" } }, made.temporary_password),
      h("p", {}, t("ui.admin.password_text", { at: when(made.temporary_until) }))),
    actions: [{ text: t("ui.admin.password_noted"), kind: "primary", testid: "noted", value: true }] });
}
