/** The one place that talks to /api/v1: session cookie, CSRF header, errors, texts, labels. */

const BASE = "/api/v1";
let current = null;
let texts = {};
let labelTexts = {};
let starting = null;

/** A refusal or a fault, as the server words it. `status` is 0 when the server can't be reached. */
export class ApiError extends Error {
  constructor(status, { code = "", message = "", advice = "", params = {} } = {}) {
    super(message || t("ui.error.status", { status }));
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.advice = advice;
    this.params = params || {};
  }
}

/** Thrown while the browser leaves for the sign-in page; nothing needs to be shown. */
export class SignedOut extends Error {
  constructor() {
    super("signed out");
    this.name = "SignedOut";
  }
}

/** Text of a key in the session's language with its values put in. */
export function t(key, params = {}) {
  const text = texts[key];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** True when the catalogue has the key. */
export function hasText(key) {
  return key in texts;
}

/** Name of a label in the session's language. */
export function labelText(id) {
  const entry = labelTexts[id];
  return entry ? entry[language()] || entry.zh : id;
}

/** All labels: id to {zh, en, urgency, is_abnormal, modality?}. */
export function labels() {
  return labelTexts;
}

/** The signed-in session, null before `start`. */
export function session() {
  return current;
}

export function language() {
  return (current && current.language) || document.documentElement.lang.slice(0, 2) || "zh";
}

/** True when the account holds any of the roles. */
export function hasRole(...roles) {
  return Boolean(current) && roles.some((role) => current.user.roles.includes(role));
}

function toLogin() {
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`/login?next=${next}`);
}

async function errorOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's own page: the status alone must do.
  }
  return new ApiError(response.status, body.error || {});
}

/** Headers that every mutating request carries. */
export function csrfHeaders() {
  return current ? { "X-CSRF-Token": current.csrf } : {};
}

/**
 * One request. JSON in and out; 204 gives null.
 * @throws {ApiError} the server refused or can't be reached
 */
export async function call(method, path, body, { quiet401 = false } = {}) {
  const response = await answer(method, path, body, { quiet401 });
  if (method === "POST") window.dispatchEvent(new Event("qp-acted")); // who shows what waits looks again
  return response.status === 204 ? null : response.json();
}

/**
 * The same question asked again and again: `known` is the mark of the last answer.
 * Resolves with null where nothing changed, else with {body, mark}.
 */
export async function getChanged(path, known) {
  const response = await answer("GET", path, undefined, { headers: known ? { "If-None-Match": known } : {}, unchanged: 304 });
  return response.status === 304 ? null : { body: await response.json(), mark: response.headers.get("ETag") };
}

let askAgain = null;

/** Have `ask` (async; true when the same person signed in again) asked before the page is left because a session ended. */
export function onSessionEnd(ask) {
  askAgain = ask;
}

/** Take over the token of a session that the same person opened in another tab; false where there is no newer one. */
export async function renewed() {
  const response = await sent("GET", "/session", undefined, {});
  const found = response.ok ? await response.json() : null;
  if (!found || !current || found.user.id !== current.user.id || found.csrf === current.csrf) return false;
  updateSession(found);
  return true;
}

async function answer(method, path, body, { quiet401 = false, headers = {}, unchanged = 0 } = {}) {
  const response = await sent(method, path, body, headers);
  if (response.status === 401 && !quiet401) {
    if (askAgain && current && (await askAgain())) return answer(method, path, body, { headers, unchanged });
    toLogin();
    throw new SignedOut();
  }
  if (response.ok || response.status === unchanged) return response;
  const error = await errorOf(response);
  if (error.code === "session.csrf" && (await renewed())) return answer(method, path, body, { quiet401, headers, unchanged });
  throw error;
}

async function sent(method, path, body, extra) {
  const headers = { Accept: "application/json", ...extra };
  if (method !== "GET") Object.assign(headers, csrfHeaders());
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(BASE + path, {
      method, headers, credentials: "same-origin", cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, { code: "net.offline", message: t("ui.error.offline"), advice: t("ui.error.offline_advice") });
  }
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const put = (path, body = {}) => call("PUT", path, body);
export const del = (path) => call("DELETE", path);

/** Path with a query string; empty values are left out. */
export function query(path, params) {
  const entries = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return entries.length ? `${path}?${new URLSearchParams(entries)}` : path;
}

const lists = new Map(); // address to the last answer of a list

/** A list that may not have changed since it was asked for last. */
async function again(path) {
  const before = lists.get(path);
  const changed = await getChanged(path, before && before.mark);
  if (changed) lists.set(path, changed);
  return (changed || before).body;
}

/** One page of a list. A search text goes in the body: an address lands in logs and histories. */
export async function cases({ q = "", ...rest }) {
  if (!q) return again(query("/cases", rest));
  return post("/cases/search", { q, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== "")) });
}

/** Load the texts of a language; enough for the sign-in page. */
export async function loadTexts(wanted) {
  texts = await call("GET", query("/texts", { lang: wanted }), undefined, { quiet401: true });
  document.documentElement.lang = wanted === "en" ? "en" : "zh-CN";
}

/** Session, texts and labels, loaded once a page; leaves for the sign-in page when signed out. */
export function start() {
  starting = starting || (async () => {
    current = await get("/session");
    const [, known] = await Promise.all([loadTexts(current.language), get("/labels")]);
    labelTexts = known;
    return current;
  })();
  return starting;
}

/** Take over a new session state from the server (unlock, csrf). */
export function updateSession(changes) {
  current = { ...current, ...changes };
}

export async function setLanguage(wanted) {
  await put("/session/language", { language: wanted });
  location.reload();
}

export async function signOut() {
  await del("/session");
  location.assign("/login");
}

/** A random UUID that also works on plain-http origins, where crypto.randomUUID is absent. */
export function newId() {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[6] = (octets[6] & 0x0f) | 0x40;
  octets[8] = (octets[8] & 0x3f) | 0x80;
  const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Texts whose key starts with a prefix, the prefix cut off. */
export function textsUnder(prefix) {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => key.startsWith(prefix)).map(([key, text]) => [key.slice(prefix.length), text]));
}
