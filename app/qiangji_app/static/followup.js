/** 随访/决策: people of the village or township, their visits with advice, registers, what is due. */
import { hasRole, query, start, t } from "/static/api.js";
import { button, fill, h, showError } from "/static/dom.js";
import { placeholder } from "/static/parts.js";
import { DiseaseReports } from "/static/disease_reports.js";
import { DueCalendar } from "/static/due_calendar.js";
import { PeopleSearch } from "/static/people_search.js";
import { PersonView } from "/static/person_view.js";
import { RegisterList } from "/static/register_list.js";

const TABS = { people: PeopleSearch, due: DueCalendar, registers: RegisterList, reports: DiseaseReports };

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    if (hasRole("township_doctor", "village_doctor")) new FollowUpPage(root).open();
    else fill(root, placeholder("empty", t("ui.visit.not_for_you")));
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class FollowUpPage {
  constructor(root) {
    this.root = root;
    this.body = h("div", { class: "qp-tab-body", role: "tabpanel" });
    this.tabs = {};
  }

  open() {
    const bar = h("div", { class: "qp-tabs", role: "tablist" }, Object.keys(TABS).map((name) => {
      this.tabs[name] = h("button", { type: "button", role: "tab", class: "qp-tab", dataset: { testid: `tab-${name}` }, onclick: () => this.go({ tab: name }) }, t(`ui.visit.tab.${name}`));
      return this.tabs[name];
    }));
    fill(this.root, h("main", { class: "qp-page qp-followup" }, bar, this.body));
    window.addEventListener("popstate", () => this.show());
    this.show();
  }

  /** Another address of this page: a tab, a person, one of the person's visits. */
  go(where) {
    history.pushState({}, "", query(location.pathname, where));
    return this.show();
  }

  async show() {
    const asked = Object.fromEntries(new URLSearchParams(location.search));
    const name = asked.tab in TABS ? asked.tab : "people";
    for (const [key, tab] of Object.entries(this.tabs)) tab.setAttribute("aria-selected", String(key === name));
    if (this.view && this.view.leave) this.view.leave();
    const view = asked.person ? new PersonView(asked, (where) => this.go(where)) : new TABS[name]((where) => this.go(where));
    this.view = view;
    fill(this.body, placeholder("loading", t("ui.common.loading")));
    try {
      await view.load();
      if (this.view === view) fill(this.body, view.element);
    } catch (error) {
      if (error.name === "SignedOut" || this.view !== view) return;
      fill(this.body, placeholder("error", error.message, button(t("ui.common.retry"), () => this.show())));
    }
  }
}
