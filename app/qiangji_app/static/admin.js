/** 管理: accounts, sites and models, for the two administrators. */
import { hasRole, start, t } from "/static/api.js";
import { button, fill, h, showError } from "/static/dom.js";
import { placeholder } from "/static/parts.js";
import { AccountList } from "/static/admin_accounts.js";
import { BundleList } from "/static/admin_bundles.js";
import { SiteTree } from "/static/admin_sites.js";

const TABS = { accounts: AccountList, sites: SiteTree, bundles: BundleList };

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    if (hasRole("system_administrator", "security_administrator")) new AdminPage(root).open();
    else fill(root, placeholder("empty", t("ui.admin.not_for_you")));
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class AdminPage {
  constructor(root) {
    this.root = root;
    this.body = h("div", { class: "qp-tab-body", role: "tabpanel" });
    this.tabs = {};
  }

  open() {
    const bar = h("div", { class: "qp-tabs", role: "tablist" }, Object.keys(TABS).map((name) => {
      this.tabs[name] = h("button", { type: "button", role: "tab", class: "qp-tab", dataset: { testid: `tab-${name}` }, onclick: () => this.show(name) }, t(`ui.admin.tab.${name}`));
      return this.tabs[name];
    }));
    fill(this.root, h("main", { class: "qp-page qp-admin" }, bar, this.body));
    const asked = new URLSearchParams(location.search).get("tab");
    this.show(asked in TABS ? asked : "accounts");
  }

  async show(name) {
    for (const [key, tab] of Object.entries(this.tabs)) tab.setAttribute("aria-selected", String(key === name));
    history.replaceState({}, "", `${location.pathname}?tab=${name}`);
    const view = new TABS[name]();
    fill(this.body, placeholder("loading", t("ui.common.loading")));
    try {
      await view.load();
      fill(this.body, view.element);
    } catch (error) {
      if (error.name === "SignedOut") return;
      fill(this.body, placeholder("error", error.message, button(t("ui.common.retry"), () => this.show(name))));
    }
  }
}
