/** What every page has: header, navigation by role, alerts, language, sign-out; uploads go on here. */
import { hasRole, language, onSessionEnd, setLanguage, signOut, start, session, t } from "/static/api.js";
import { openAccount, passwordForm } from "/static/account.js";
import { signInAgain } from "/static/session_end.js";
import { watchAlerts } from "/static/alerts.js";
import { button, confirmed, fill, h, readyToLeave, showError } from "/static/dom.js";
import { known } from "/static/parts.js";
import { watchReferrals } from "/static/referral_alerts.js";
import { forgetAll } from "/static/store.js";
import { isBusy, onUploads, percent, resume, uploads } from "/static/upload.js";

const REFERRERS = ["village_doctor", "township_doctor", "receiving_doctor", "county_manager"];
const SENDERS = ["operator", "township_doctor", "village_doctor"];

/** Start the shell of a page: `home` or one of the pages. */
export async function mount(root, { page }) {
  try {
    await start();
  } catch (error) {
    if (error.name !== "SignedOut") fill(root, h("p", { class: "qp-placeholder qp-placeholder-error", role: "alert" }, error.message));
    return;
  }
  onSessionEnd(signInAgain);
  if (session().must_change_password) {
    mustChange(root, page);
    return;
  }
  const pages = allowed();
  if (page === "home") {
    if (pages.length) location.replace(`/${pages[0]}`);
    else fill(root, header("home", pages), h("p", { class: "qp-placeholder" }, t("ui.shell.no_pages")));
    return;
  }
  document.title = `${t(`ui.nav.${page}`)} · ${t("ui.shell.brand")}`;
  const alerts = h("div", { class: "qp-alerts", role: "region", "aria-label": t("ui.alert.all"), tabindex: "0", "aria-live": "assertive" });
  const referrals = h("div", { class: "qp-ref-alerts", role: "region", "aria-label": t("ui.referral.alerts"), "aria-live": "assertive" });
  fill(root, header(page, pages), alerts, referrals);
  const here = root.querySelector(".qp-nav [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 40; // a phone shows part of the pages
  watchAlerts(alerts, (unread) => countResults(root, unread));
  if (pages.includes("referrals")) watchReferrals(referrals, (count) => countReferrals(root, count));
  if (hasRole(...SENDERS)) watchUploads(root);
}

function allowed() {
  const pages = [];
  if (hasRole(...SENDERS)) pages.push("capture");
  if (hasRole("specialist")) pages.push("reading");
  if (hasRole(...SENDERS, "specialist", "receiving_doctor", "county_manager")) pages.push("results");
  if (hasRole("township_doctor", "village_doctor")) pages.push("followup");
  if (hasRole(...REFERRERS)) pages.push("referrals");
  if (hasRole(...SENDERS, "receiving_doctor", "county_manager")) pages.push("recognition");
  if (hasRole("system_administrator", "security_administrator")) pages.push("admin");
  if (hasRole("auditor")) pages.push("audit");
  return pages;
}

/** A password that somebody handed over opens nothing but the way to one's own. */
function mustChange(root, page) {
  if (page !== "home") location.replace("/");
  else fill(root, header("home", []), h("main", { class: "qp-page qp-narrow" }, h("section", { class: "qp-panel" },
    h("h1", {}, t("ui.account.must_change")), h("p", {}, t("ui.account.must_change_text")), passwordForm({ ondone: () => location.replace("/") }))));
}

/** How many results wait to be taken note of, beside the name of their page. */
function countResults(root, unread) {
  const link = root.querySelector('[data-testid="nav-results"]');
  if (!link) return;
  fill(link, t("ui.nav.results"), unread ? h("span", { class: "qp-count", dataset: { testid: "unread-results" }, title: t("ui.results.unread", { n: unread }) }, String(unread)) : null);
}

/** How many referrals and follow-ups wait for us, beside the name of their page. */
function countReferrals(root, count) {
  const link = root.querySelector('[data-testid="nav-referrals"]');
  if (link) fill(link, t("ui.nav.referrals"), count ? h("span", { class: "qp-count", dataset: { testid: "waiting-referrals" }, title: t("ui.referral.waiting", { n: count }) }, String(count)) : null);
}

function header(page, pages) {
  const { user, is_demo: isDemo } = session();
  const other = language() === "zh" ? "en" : "zh";
  const acts = { language: () => changeLanguage(other), signOut: leave };
  return h("header", { class: "qp-top" }, h("a", { class: "qp-brand", href: "/" }, h("b", {}, t("ui.shell.brand_short"), h("i", {}, t("ui.shell.brand_long"))), h("span", {}, t("ui.shell.tagline"))),
    h("nav", { class: "qp-nav", "aria-label": t("ui.shell.nav") }, pages.map((name) => h("a", { href: `/${name}`, "aria-current": name === page ? "page" : null, dataset: { testid: `nav-${name}` } }, t(`ui.nav.${name}`)))),
    isDemo ? h("span", { class: "qp-badge qp-demo" }, t("ui.common.demo")) : null,
    h("span", { class: "qp-sending", id: "qp-sending", hidden: true, role: "status" }), h("span", { class: "qp-grow" }),
    h("button", { type: "button", class: "qp-user", title: t("ui.account.title"), dataset: { testid: "account" }, onclick: () => openAccount(acts) }, h("b", {}, user.display_name), h("span", {}, [user.site && user.site.name, user.roles.map((role) => known("ui.role", role)).join(t("ui.ai.comma"))].filter(Boolean).join(" · "))),
    h("span", { class: "qp-top-acts" }, button(t("ui.shell.other_language"), acts.language, { kind: "quiet", testid: "language" }),
      button(t("ui.shell.sign_out"), acts.signOut, { kind: "quiet", testid: "sign-out" })));
}

async function leave() {
  if (isBusy() && !(await confirmed(t("ui.shell.sign_out"), t("ui.shell.still_sending"), { yes: t("ui.shell.sign_out") }))) return;
  if (!(await savedOrGivenUp(t("ui.shell.sign_out"), "ui.shell.unsaved", { forgets: true }))) return;
  const id = session().user.id;
  await signOut();
  forgetAll(id);
}

/** The page is read again in the other language: unsaved words go to the server first. */
async function changeLanguage(wanted) {
  if (await savedOrGivenUp(t("ui.shell.other_language"), "ui.shell.unsaved_language")) await setLanguage(wanted);
}

/** True when unsaved words are on the server, or the person lets go of them. */
async function savedOrGivenUp(act, question, how = {}) {
  try {
    await readyToLeave(how);
    return true;
  } catch (error) {
    if (error.name === "SignedOut") return false;
    return confirmed(act, t(question, { reason: error.message }), { yes: act });
  }
}

function watchUploads(root) {
  const line = root.querySelector("#qp-sending");
  const draw = () => {
    const open = uploads().filter((item) => item.state === "queued" || item.state === "sending");
    line.hidden = !open.length;
    if (open.length) line.textContent = t("ui.shell.sending", { n: open.length, p: percent(open[0]) });
  };
  onUploads(draw);
  resume().then(draw, showError);
}
