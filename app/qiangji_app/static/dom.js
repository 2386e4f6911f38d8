/** Building blocks of the pages: elements from text only, dialogs, toasts, times. */
import { t, session } from "/static/api.js";

/**
 * An element. Children are nodes or text; text never becomes markup.
 * Keys of props: `class`, `on…` listeners, `dataset`, else property when it exists, else attribute.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key in element && !key.startsWith("aria") && key !== "list") element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

const leaving = new Set();

/** Have `hook` (async) awaited before the person signs out; returns a function that takes it back. */
export function beforeLeaving(hook) {
  leaving.add(hook);
  return () => leaving.delete(hook);
}

/** Run what must be saved first; rejects with the first failure. `forgets` says that this browser forgets typed forms. */
export async function readyToLeave(how = {}) {
  await Promise.all([...leaving].map((hook) => hook(how)));
}

/** A button; `kind` is primary, danger, quiet or nothing. Busy while its action runs. */
export function button(text, action, { kind = "", title = "", disabled = false, testid = "" } = {}) {
  const element = h("button", { type: "button", class: `qp-btn ${kind && `qp-btn-${kind}`}`, title, disabled }, text);
  if (testid) element.dataset.testid = testid;
  element.addEventListener("click", async (event) => {
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    try {
      await action(event);
    } catch (error) {
      showError(error);
    } finally {
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

/** Run an action and show what went wrong, if anything. */
export async function guarded(action) {
  try {
    return await action();
  } catch (error) {
    showError(error);
    return undefined;
  }
}

/** Where toasts go: within an open dialog, which lies over everything else, or in the page. */
function toastArea() {
  const area = document.getElementById("qp-toasts") || h("div", { id: "qp-toasts", role: "status", "aria-live": "polite" });
  const host = [...document.querySelectorAll("dialog[open]")].pop() || document.body;
  if (area.parentElement !== host) host.append(area);
  return area;
}

/** Take away what was refused or failed before: something has worked since. */
export function clearErrors() {
  for (const one of document.querySelectorAll("#qp-toasts .qp-toast-error")) one.remove();
}

/**
 * A short message at the edge. An error stays until closed, or until an act succeeds; the same one
 * stands there once. `undo` adds a button.
 */
export function toast(text, { kind = "ok", advice = "", undo = null } = {}) {
  if (kind === "ok") clearErrors();
  for (const one of document.querySelectorAll(`#qp-toasts .qp-toast-${kind}`)) if (one.dataset.text === text) one.remove();
  const item = h("div", { class: `qp-toast qp-toast-${kind}`, dataset: { text } }, h("div", {}, text, advice && h("div", { class: "qp-toast-advice" }, advice)));
  const close = () => item.remove();
  if (undo) item.append(button(t("ui.common.undo"), async () => { close(); await undo(); }, { kind: "quiet" }));
  item.append(h("button", { type: "button", class: "qp-x", "aria-label": t("ui.common.close"), onclick: close }, "×"));
  toastArea().append(item);
  if (kind !== "error") setTimeout(close, undo ? 8000 : 5000);
}

/** Show an error of the API, or a fault of the page, with what to do about it. */
export function showError(error) {
  if (error && error.name === "SignedOut") return;
  if (!error || error.name !== "ApiError") console.error(error);
  toast((error && error.message) || t("ui.error.unknown"), { kind: "error", advice: (error && error.advice) || "" });
}

/**
 * A modal dialog. `body` is a node; `actions` are {text, kind, value, run}; `run` may return
 * false to keep it open. Resolves with the chosen value, or null when dismissed. Esc dismisses,
 * Enter in a line of text does the last act, Tab stays inside. `veiled` hides the page behind it.
 */
export function dialog({ title, body, actions = [], wide = false, testid = "", veiled = false }) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const box = h("dialog", { class: `qp-dialog ${wide ? "qp-dialog-wide" : ""} ${veiled ? "qp-dialog-veiled" : ""}`, "aria-label": title });
    if (testid) box.dataset.testid = testid;
    let answer = null;
    const foot = actions.map((action) => button(action.text, async () => {
      const result = action.run ? await action.run() : action.value;
      if (result === false) return;
      answer = result === undefined ? true : result;
      box.close();
    }, { kind: action.kind || "", testid: action.testid || "" }));
    const close = h("button", { type: "button", class: "qp-x", "aria-label": t("ui.common.close"), onclick: () => box.close() }, "×");
    box.append(h("header", {}, h("h2", {}, title), close), h("div", { class: "qp-dialog-body" }, body));
    if (foot.length) box.append(h("footer", {}, foot));
    box.addEventListener("close", () => {
      const toasts = box.querySelector("#qp-toasts");
      box.remove();
      if (toasts) document.body.append(toasts);
      giveBack(before);
      resolve(answer);
    });
    box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Tab") keepInside(box, event);
      else if (event.key === "Enter" && !event.isComposing && foot.length && event.target.matches("input:not([type=checkbox], [type=radio])") && !event.target.form) {
        event.preventDefault();
        foot[foot.length - 1].click();
      }
    });
    (document.querySelector(".qp-overlay-root") || document.body).append(box);
    box.showModal();
    window.dispatchEvent(new CustomEvent("qp-dialog", { detail: box })); // what lies under it may have to be said in it
    const first = box.querySelector("[autofocus], textarea, input:not([type=hidden]), select") || foot[0] || close;
    first.focus();
  });
}

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled):not([type=hidden]), select:not(:disabled), textarea:not(:disabled), summary, [tabindex='0']";

/** Tab goes round within a dialog. */
function keepInside(box, event) {
  const all = [...box.querySelectorAll(FOCUSABLE)].filter((one) => one.getClientRects().length);
  const [from, to] = event.shiftKey ? [all[0], all[all.length - 1]] : [all[all.length - 1], all[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to.focus();
}

/** Focus goes back where it was, or to the page where that is gone. */
function giveBack(before) {
  if (before && before.isConnected && before.focus) { before.focus(); return; }
  const again = before && before.dataset && before.dataset.testid && document.querySelector(`[data-testid="${before.dataset.testid}"]`);
  if (again) again.focus();
}

/** Ask before something that can't be taken back. Resolves true or false. */
export async function confirmed(title, text, { yes = t("ui.common.confirm"), kind = "danger" } = {}) {
  const answer = await dialog({
    title,
    body: h("p", {}, text),
    actions: [{ text: t("ui.common.cancel"), value: null, kind: "quiet" }, { text: yes, kind, value: true, testid: "confirm-yes" }],
  });
  return answer === true;
}

/** Ask for a reason: quick choices fill the text, which must not stay empty. Resolves text or null. */
export async function askReason({ title, intro = "", choices = [], yes = t("ui.common.confirm"), kind = "primary", value = "", optional = false }) {
  const area = h("textarea", { rows: 3, class: "qp-input", value, "aria-label": title, dataset: { testid: "reason" } });
  const hint = h("p", { class: "qp-field-error", hidden: true }, t("ui.common.reason_needed"));
  const quick = h("div", { class: "qp-chips" }, choices.map((choice) =>
    h("button", { type: "button", class: "qp-chip", onclick: () => { area.value = choice; area.focus(); } }, choice)));
  return dialog({
    title,
    body: h("div", {}, intro && (intro instanceof Node ? intro : h("p", {}, intro)), quick, area, hint),
    actions: [
      { text: t("ui.common.cancel"), run: () => null, kind: "quiet" },
      { text: yes, kind, testid: "reason-yes", run: () => {
        if (!area.value.trim() && !optional) { hint.hidden = false; area.focus(); return false; }
        return area.value.trim();
      } },
    ],
  });
}

function zone() {
  const current = session();
  return (current && current.user.site && current.user.site.time_zone) || "Asia/Shanghai";
}

/** Instant in the site's zone, `2026-03-02 14:05`; empty text for a missing one. */
export function when(iso, { seconds = false, day = false } = {}) {
  if (!iso) return "";
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone(), year: "numeric", month: "2-digit", day: "2-digit",
    ...(day ? {} : { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }),
  });
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : parts.format(date);
}

/** Minutes as `12 分钟`, `3 小时 5 分`, `2 天`. */
export function duration(minutes) {
  if (minutes === null || minutes === undefined) return "";
  const whole = Math.max(0, Math.round(minutes));
  if (whole < 60) return t("ui.time.minutes", { n: whole });
  if (whole < 60 * 48) return t("ui.time.hours", { h: Math.floor(whole / 60), m: whole % 60 });
  return t("ui.time.days", { n: Math.floor(whole / 1440) });
}

/** Bytes in a unit people read. */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${(count / 1024).toFixed(0)} KB`;
  return `${(count / 1048576).toFixed(1)} MB`;
}

/**
 * Call `action` now and then every `seconds` while the page is visible, every `hidden` seconds
 * (0: never) while it is not; returns a stop function.
 */
export function every(seconds, action, { now = true, hidden = 0 } = {}) {
  let last = Date.now();
  const due = () => !document.hidden || (hidden > 0 && Date.now() - last >= hidden * 1000);
  const tick = () => { if (due()) { last = Date.now(); action(); } };
  const timer = setInterval(tick, seconds * 1000);
  document.addEventListener("visibilitychange", tick);
  if (now) tick();
  return () => { clearInterval(timer); document.removeEventListener("visibilitychange", tick); };
}

/** Wait until typing pauses. `flush()` runs a waiting call at once. */
export function debounce(action, ms) {
  let timer = 0;
  const run = () => { clearTimeout(timer); timer = setTimeout(() => { timer = 0; action(); }, ms); };
  run.flush = () => { if (timer) { clearTimeout(timer); timer = 0; return action(); } return undefined; };
  run.cancel = () => { clearTimeout(timer); timer = 0; };
  return run;
}
