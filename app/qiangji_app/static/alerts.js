/** The bars under the header: AI alarms without a report and calls without an answer. */
import { getChanged, hasRole, t } from "/static/api.js";
import { calledText, contactLine, seenButton, seenLine } from "/static/calls.js";
import { attend, stripInDialogs } from "/static/alert_signal.js";
import { debounce, duration, every, fill, guarded, h, when } from "/static/dom.js";
import { known, personLine } from "/static/parts.js";

const ALERT_SECONDS = 10;
const ACTED_MS = 300; // after an act of one's own
const HIDDEN_SECONDS = 60; // a page behind another still calls out, later

/** Keep an area filled with what cannot wait; a new one is heard. `oncount` is told how many results are unread. */
export function watchAlerts(area, oncount = () => {}) {
  let heard = null;
  let mark = "";
  let at = null; // when the bars were last known to be right
  const refresh = async () => {
    try {
      const changed = await getChanged("/alerts", mark);
      if (changed) {
        mark = changed.mark || "";
        const { items, unread_results: unread = 0 } = changed.body;
        const loud = items.map((item) => item.key);
        if (heard && loud.some((one) => !heard.has(one))) attend();
        heard = new Set([...(heard || []), ...loud]);
        draw(area, items, refresh);
        oncount(unread);
      }
      at = new Date();
      tellLink(area, "");
    } catch (error) {
      if (error.name === "SignedOut") return;
      const isShown = at && area.querySelector(".qp-alert");
      tellLink(area, isShown ? `${error.message} ${t("ui.alert.kept", { at: when(at) })}` : error.message);
    }
    tellAges(area);
  };
  keepInSight(area);
  every(ALERT_SECONDS, refresh, { hidden: HIDDEN_SECONDS });
  window.addEventListener("qp-acted", debounce(refresh, ACTED_MS));
}

/** The bars stay at the top of the screen when the page under them is scrolled. */
function keepInSight(area) {
  const place = h("div", {}); // holds the bars' room, so that the page does not jump
  area.before(place);
  const follow = () => {
    const isStuck = place.getBoundingClientRect().top < 0 && area.childElementCount > 0;
    if (isStuck && !area.classList.contains("qp-alerts-stuck")) place.style.height = `${area.offsetHeight}px`;
    if (!isStuck) place.style.height = "0px";
    area.classList.toggle("qp-alerts-stuck", isStuck);
    document.documentElement.style.setProperty("--qp-stuck", isStuck ? `${area.offsetHeight}px` : "0px");
  };
  document.addEventListener("scroll", follow, { passive: true, capture: true });
  new ResizeObserver(follow).observe(area);
}

/** Say above the bars that the line is down; they stay, with the number to telephone. An empty text takes it back. */
function tellLink(area, text) {
  const told = area.querySelector(".qp-alert-link");
  if (told && told.textContent === text) return;
  if (told) told.remove();
  if (text) area.prepend(h("div", { class: "qp-alert qp-alert-link", role: "alert", dataset: { testid: "alert-link" } }, text));
}

function draw(area, items, refresh) {
  const print = JSON.stringify(items);
  if (area.dataset.print === print) return;
  area.dataset.print = print;
  stripInDialogs(inOrder(items).filter((item) => item.is_own_site && !item.seen).map(strip));
  const bars = inOrder(items).map((item) => bar(item, refresh));
  fill(area, bars.length > 1 ? h("p", { class: "qp-alert-count", role: "status" }, t("ui.alert.count", { n: bars.length })) : null, bars);
}

/** The same in one line, for a dialog that lies over the bars. */
const strip = (item) => [h("b", {}, known("ui.alert", item.kind), " ", item.patient ? item.patient.name || t("ui.person.unnamed") : t("ui.alert.draft", { id: item.short_id })), " · ", calledText(item), " · ", contactLine(item.contact, item.site)];

/** Who, what, since when, what to do, whom to call: all of it at a glance, on a phone too. */
function bar(item, refresh) {
  return h("div", { class: `qp-alert qp-alert-${item.kind} ${item.seen ? "qp-alert-seen" : ""}`, dataset: { testid: `alert-${item.kind}` } },
    h("div", { class: "qp-alert-what" },
      h("p", { class: "qp-alert-who" }, h("span", { class: "qp-alert-kind" }, known("ui.alert", item.kind)), who(item), h("span", {}, item.site.name), since(item.since)),
      h("p", { class: "qp-alert-text" }, calledText(item))),
    h("div", { class: "qp-alert-do" },
      h("span", { class: "qp-alert-now", dataset: { testid: "alert-do" } }, item.seen ? seenLine(item.seen) : t(`ui.alert.do.${item.kind}.${item.is_own_site ? "site" : "reader"}`)),
      item.kind === "ai_alarm" && item.may_mark_seen && !item.seen ? seenButton(item.case_id, () => guarded(refresh)) : null,
      contactLine(item.contact, item.site)));
}

/** The patient as one says it on the telephone; a case one may not open yet goes by its number. */
function who(item) {
  if (!item.patient) return h("b", { dataset: { testid: "alert-who" } }, t("ui.alert.draft", { id: item.short_id }));
  const { visit_number: visit, patient_id: number } = item.patient;
  const ids = [visit && `${t("ui.form.visit_number")} ${visit}`, number && number !== visit && number].filter(Boolean);
  return h("a", { class: "qp-alert-case", href: `/${pageFor(item)}?case=${encodeURIComponent(item.case_id)}`, dataset: { testid: "alert-who" } }, personLine(item.patient), ids.length ? ` · ${ids.join(" · ")}` : "");
}

/** Where this person can act on the case: a signed one is a result for its site. */
function pageFor(item) {
  if (hasRole("specialist") && !item.is_own_site) return "reading";
  return ["signed", "acknowledged", "closed"].includes(item.state) || !hasRole("operator", "township_doctor", "village_doctor") ? "results" : "capture";
}

const since = (iso) => h("time", { dateTime: iso, "aria-live": "off", dataset: { since: iso } }, when(iso));

function tellAges(area) {
  for (const one of area.querySelectorAll("time[data-since]")) {
    const minutes = (Date.now() - Date.parse(one.dataset.since)) / 60000;
    one.textContent = t("ui.alert.since", { at: when(one.dataset.since), ago: duration(minutes) });
  }
}

/** A specialist's call, then alarms nobody has looked at, then the others; the newest of each first. */
function inOrder(items) {
  const rank = (item) => (item.kind === "critical_call" ? 0 : item.seen ? 2 : 1);
  return [...items].sort((a, b) => rank(a) - rank(b) || Date.parse(b.since) - Date.parse(a.since));
}
