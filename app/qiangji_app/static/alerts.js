/** The bars under the header: AI alarms without a report and calls without an answer. */
import { get, hasRole, t } from "/static/api.js";
import { contactLine, seenButton, seenLine } from "/static/calls.js";
import { every, fill, guarded, h, when } from "/static/dom.js";
import { known } from "/static/parts.js";

const ALERT_SECONDS = 10;

/** Keep an area filled with what cannot wait; a new one is heard. */
export function watchAlerts(area, page) {
  let heard = null;
  const opened = new Set();
  const refresh = async () => {
    try {
      const { items } = await get("/alerts");
      const loud = items.map(keyOf);
      if (heard && loud.some((one) => !heard.has(one))) beep();
      heard = new Set(loud);
      draw(area, items, { page, opened, refresh });
    } catch (error) {
      if (error.name === "SignedOut") return;
      area.dataset.print = "";
      fill(area, h("div", { class: "qp-alert qp-alert-link", role: "alert" }, error.message));
    }
  };
  every(ALERT_SECONDS, refresh);
}

const keyOf = (item) => `${item.kind}|${item.case_id}|${item.since}`;

function draw(area, items, shown) {
  const print = JSON.stringify(items);
  if (area.dataset.print === print) return;
  area.dataset.print = print;
  fill(area, inOrder(items).map((item) => bar(item, shown)));
}

/** One line on a phone, opened by touch; nothing of it is ever out of reach. */
function bar(item, { page, opened, refresh }) {
  const target = hasRole("specialist") ? "/reading" : "/capture";
  const key = keyOf(item);
  const row = h("div", { class: `qp-alert qp-alert-${item.kind} ${item.seen ? "qp-alert-seen" : ""} ${opened.has(key) ? "qp-alert-opened" : ""}`, dataset: { testid: `alert-${item.kind}` } });
  const toggle = h("button", { type: "button", class: "qp-alert-toggle", "aria-expanded": String(opened.has(key)), "aria-label": t("ui.alert.more"), dataset: { testid: "alert-more" }, onclick: () => {
    const isOpen = row.classList.toggle("qp-alert-opened");
    if (isOpen) opened.add(key); else opened.delete(key);
    toggle.setAttribute("aria-expanded", String(isOpen));
  } });
  fill(row, h("a", { class: "qp-alert-case", href: `${target}?case=${encodeURIComponent(item.case_id)}` }, h("b", {}, known("ui.alert", item.kind)), " ", [siteName(item.site), item.text].filter(Boolean).join(" · ")),
    toggle, h("span", { class: "qp-alert-more" },
      item.seen ? seenLine(item.seen) : item.kind === "ai_alarm" && page !== "reading" ? h("span", { class: "qp-alert-do" }, t("ui.alert.do")) : null,
      item.kind === "ai_alarm" && item.may_mark_seen && !item.seen ? seenButton(item.case_id, () => guarded(refresh)) : null,
      contactLine(item.contact, item.site), h("time", {}, when(item.since))));
  return row;
}

/** A specialist's call, then alarms nobody has looked at, then the others; the newest of each first. */
function inOrder(items) {
  const rank = (item) => (item.kind === "critical_call" ? 0 : item.seen ? 2 : 1);
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
