/** What every page has: header, navigation by role, alerts, language, sign-out; uploads go on here. */
import { get, hasRole, language, setLanguage, signOut, start, session, t } from "/static/api.js";
import { button, confirmed, every, fill, h, readyToLeave, showError, when } from "/static/dom.js";
import { known } from "/static/parts.js";
import { forgetAll } from "/static/store.js";
import { isBusy, onUploads, percent, resume, uploads } from "/static/upload.js";

const ALERT_SECONDS = 10;
const SENDERS = ["operator", "township_doctor", "village_doctor"];

/** Start the shell of a page: `home`, `capture`, `reading` or `results`. */
export async function mount(root, { page }) {
  try {
    await start();
  } catch (error) {
    if (error.name !== "SignedOut") fill(root, h("p", { class: "qp-placeholder qp-placeholder-error", role: "alert" }, error.message));
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
  fill(root, header(page, pages), alerts);
  watchAlerts(alerts, page);
  if (hasRole(...SENDERS)) watchUploads(root);
}

function allowed() {
  const pages = [];
  if (hasRole(...SENDERS)) pages.push("capture");
  if (hasRole("specialist")) pages.push("reading");
  if (hasRole(...SENDERS, "specialist", "receiving_doctor", "county_manager")) pages.push("results");
  return pages;
}

function header(page, pages) {
  const { user, is_demo: isDemo } = session();
  const other = language() === "zh" ? "en" : "zh";
  return h("header", { class: "qp-top" }, h("a", { class: "qp-brand", href: "/" }, h("b", {}, t("ui.shell.brand")), h("span", {}, t("ui.shell.tagline"))),
    h("nav", { class: "qp-nav", "aria-label": t("ui.shell.nav") }, pages.map((name) => h("a", { href: `/${name}`, "aria-current": name === page ? "page" : null, dataset: { testid: `nav-${name}` } }, t(`ui.nav.${name}`)))),
    isDemo ? h("span", { class: "qp-badge qp-demo" }, t("ui.common.demo")) : null,
    h("span", { class: "qp-sending", id: "qp-sending", hidden: true, role: "status" }), h("span", { class: "qp-grow" }),
    h("span", { class: "qp-user" }, h("b", {}, user.display_name), h("span", {}, [user.site && user.site.name, user.roles.map((role) => known("ui.role", role)).join("、")].filter(Boolean).join(" · "))),
    button(t("ui.shell.other_language"), () => setLanguage(other), { kind: "quiet", testid: "language" }),
    button(t("ui.shell.sign_out"), leave, { kind: "quiet", testid: "sign-out" }));
}

async function leave() {
  if (isBusy() && !(await confirmed(t("ui.shell.sign_out"), t("ui.shell.still_sending"), { yes: t("ui.shell.sign_out") }))) return;
  if (!(await savedOrGivenUp())) return;
  const id = session().user.id;
  await signOut();
  forgetAll(id);
}

/** True when unsaved words are on the server, or the person lets go of them. */
async function savedOrGivenUp() {
  try {
    await readyToLeave();
    return true;
  } catch (error) {
    if (error.name === "SignedOut") return false;
    return confirmed(t("ui.shell.sign_out"), t("ui.shell.unsaved", { reason: error.message }), { yes: t("ui.shell.sign_out") });
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

function watchAlerts(area, page) {
  let heard = null;
  every(ALERT_SECONDS, async () => {
    try {
      const { items } = await get("/alerts");
      const loud = items.map((item) => `${item.kind}|${item.case_id}|${item.since}`);
      if (heard && loud.some((one) => !heard.has(one))) beep();
      heard = new Set(loud);
      drawAlerts(area, items, page);
    } catch (error) {
      if (error.name === "SignedOut") return;
      fill(area, h("div", { class: "qp-alert qp-alert-link", role: "alert" }, error.message));
    }
  });
}

function drawAlerts(area, items, page) {
  const target = hasRole("specialist") ? "/reading" : "/capture";
  const shown = inOrder(items).map((item) => h("a", { class: `qp-alert qp-alert-${item.kind}`, href: `${target}?case=${encodeURIComponent(item.case_id)}`, dataset: { testid: `alert-${item.kind}` } },
    h("b", {}, known("ui.alert", item.kind)), h("span", {}, [siteName(item.site), item.text].filter(Boolean).join(" · ")),
    item.kind === "ai_alarm" && page !== "reading" ? h("span", { class: "qp-alert-do" }, t("ui.alert.do")) : null, h("time", {}, when(item.since))));
  const print = shown.map((one) => one.textContent).join("\n");
  if (area.dataset.print === print) return;
  area.dataset.print = print;
  fill(area, shown);
}

/** A specialist's call before what the AI says, and the newest of each first: none hides behind old ones. */
function inOrder(items) {
  const rank = (item) => (item.kind === "critical_call" ? 0 : 1);
  return [...items].sort((a, b) => rank(a) - rank(b) || Date.parse(b.since) - Date.parse(a.since));
}

const siteName = (site) => (site && typeof site === "object" ? site.name : site);

/** Three short tones; silent until somebody has touched the page, as browsers demand. */
function beep() {
  const Audio = window.AudioContext;
  if (!Audio || (navigator.userActivation && !navigator.userActivation.hasBeenActive)) return;
  const context = new Audio();
  for (let i = 0; i < 3; i += 1) {
    const tone = context.createOscillator();
    tone.frequency.value = 880;
    tone.connect(context.destination);
    tone.start(context.currentTime + i * 0.3);
    tone.stop(context.currentTime + i * 0.3 + 0.15);
  }
  setTimeout(() => context.close(), 1500);
}
