/**
 * Sends files in chunks to /api/v1/uploads; survives a dropped link, a reload and a server restart.
 *
 * Each item lives in IndexedDB with its file until the server has stored, re-read and compared it.
 * Its id is made here, so that a repeat is the same upload of the same case.
 * States: asked (a person must say what it shows), queued, sending, stored, failed; `waiting` marks
 * a sending item between two attempts.
 */
import { ApiError, call, csrfHeaders, get, newId, post, renewed, session, t } from "/static/api.js";
import { sha256 } from "/static/sha256.js";
import { forgetUpload, keepUpload, keptUploads } from "/static/store.js";

const CHUNK = 256 * 1024;
const STALL_MS = 120000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const items = new Map();
const listeners = new Set();
let running = false;
let wake = null;

/** Be told of every change; returns a function that stops it. */
export function onUploads(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(item) {
  for (const listener of listeners) listener(item);
}

/** Items of a case in the order they were added, all of them without one. */
export function uploads(caseId = null) {
  return [...items.values()].filter((item) => !caseId || item.case_id === caseId).sort((a, b) => a.order - b.order);
}

/** True while a file is not yet stored: leaving would only pause it. */
export function isBusy() {
  return uploads().some((item) => item.state === "queued" || item.state === "sending");
}

/** Put files of a case in the queue, or aside until `answer`; resolves when they are kept on disk. */
export async function enqueue(caseId, modality, files, { isAsked = false } = {}) {
  let order = Date.now();
  for (const file of files) {
    const item = {
      upload_id: newId(), case_id: caseId, modality, user_id: session().user.id, order: (order += 1),
      file_name: file.name, size: file.size, sha256: "", blob: file, received: 0, recording_id: null,
      state: !file.size ? "failed" : isAsked ? "asked" : "queued",
      error: file.size ? null : { message: t("ui.upload.empty"), advice: t("ui.upload.empty_advice") },
    };
    items.set(item.upload_id, item);
    try {
      await keepUpload(item);
    } catch {
      item.volatile = true; // the browser refuses to keep it: sent all the same, but not after a reload
    }
    changed(item);
  }
  pump();
}

/** Send what was put aside in a case, as what a person says it shows. */
export async function answer(caseId, modality) {
  for (const item of uploads(caseId).filter((one) => one.state === "asked")) {
    Object.assign(item, { state: "queued", modality });
    await save(item);
    changed(item);
  }
  pump();
}

/** Try a failed item again. One that the server gave up on starts anew under a new id. */
export async function retry(uploadId) {
  const item = items.get(uploadId);
  if (!item || item.state !== "failed" || !item.size) return;
  if (item.gone) {
    await drop(uploadId);
    Object.assign(item, { upload_id: newId(), gone: false });
    items.set(item.upload_id, item);
  }
  Object.assign(item, { state: "queued", error: null, received: 0 });
  await save(item);
  changed(item);
  pump();
}

/** Take an item out of the queue (its recording, if any, is another matter). */
export async function drop(uploadId) {
  const item = items.get(uploadId);
  items.delete(uploadId);
  if (item && item.request) item.request.abort();
  await forgetUpload(uploadId);
  if (item) changed(item);
}

async function save(item) {
  if (item.volatile) return;
  const { request: _request, waiting: _waiting, isCut: _isCut, part: _part, ...kept } = item;
  await keepUpload(kept);
}

/** Take up what an earlier page left unfinished. Called once a page by the shell. */
export async function resume() {
  const mine = session().user.id;
  let kept = [];
  try {
    kept = await keptUploads();
  } catch (error) {
    console.error(error); // no IndexedDB (private window): nothing was kept
  }
  for (const item of kept) {
    if (item.user_id !== mine || items.has(item.upload_id)) continue;
    if (item.state === "stored") {
      await forgetUpload(item.upload_id); // the case itself shows it now
      continue;
    }
    if (item.state === "sending") item.state = "queued";
    items.set(item.upload_id, item);
    changed(item);
  }
  window.addEventListener("online", () => wake && wake());
  pump();
}

async function pump() {
  if (running) return;
  running = true;
  try {
    await exclusively(async () => {
      for (let item = next(); item; item = next()) await send(item);
    });
  } finally {
    running = false;
  }
  if (next()) pump();
}

function next() {
  return uploads().find((item) => item.state === "queued");
}

/** One page of the browser sends at a time where locks exist; the offsets keep it safe elsewhere. */
async function exclusively(action) {
  if (!navigator.locks) return action();
  return navigator.locks.request("qiangji-upload", action);
}

async function send(item) {
  Object.assign(item, { state: "sending", error: null });
  changed(item);
  for (let attempt = 0; items.has(item.upload_id); ) {
    const before = item.received;
    try {
      await transfer(item);
      return;
    } catch (error) {
      if (error.name === "SignedOut") return;
      if (!mayPass(error)) return fail(item, error);
      attempt = item.received > before ? 0 : attempt + 1;
      item.isCut = error.status === 0;
      await pause(item, BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]);
    }
  }
}

/** Faults worth another attempt: no link, a restarting server, too many requests, another request at the same file. */
function mayPass(error) {
  if (!(error instanceof ApiError)) return false;
  return error.status === 0 || error.code === "upload.busy" || error.status === 429 || [502, 503, 504].includes(error.status);
}

async function fail(item, error) {
  item.state = "failed";
  item.error = { message: error.message, advice: error.advice || "" };
  item.gone = Boolean(error.gone);
  await save(item);
  changed(item);
}

async function pause(item, ms) {
  item.waiting = true;
  item.part = 0;
  changed(item);
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => { clearTimeout(timer); resolve(); };
  });
  wake = null;
  item.waiting = item.isCut = false;
  changed(item);
}

async function transfer(item) {
  if (!item.sha256) {
    item.sha256 = await digest(item);
    await save(item);
  }
  await openCase(item);
  let status = await post("/uploads", {
    upload_id: item.upload_id, case_id: item.case_id, file_name: item.file_name, size: item.size, sha256: item.sha256, modality: item.modality || "",
  });
  while (status.state === "receiving") {
    item.received = status.received;
    changed(item);
    status = await sendChunk(item, status.received);
  }
  await finish(item, status);
}

/** Make the case exist; one that a colleague began is there already, the upload itself is checked. */
async function openCase(item) {
  try {
    await post("/cases", { case_id: item.case_id, modality: item.modality || null });
  } catch (error) {
    if (error.code !== "case.id_taken") throw error;
  }
}

async function digest(item) {
  try {
    return await sha256(item.blob);
  } catch {
    throw Object.assign(new Error(t("ui.upload.unreadable")), { advice: t("ui.upload.unreadable_advice") });
  }
}

async function finish(item, status) {
  if (status.state !== "stored") {
    const failure = status.error || {};
    throw Object.assign(new Error(failure.message || t("ui.upload.refused")), { advice: failure.advice || "", gone: true });
  }
  Object.assign(item, { state: "stored", received: item.size, recording_id: status.recording_id, blob: null });
  items.delete(item.upload_id);
  items.set(item.upload_id, item);
  await save(item);
  changed(item);
}

/** Forget stored items of a case once the case view shows their recordings. */
export async function settle(caseId, recordingIds) {
  for (const item of uploads(caseId)) {
    if (item.state === "stored" && recordingIds.includes(item.recording_id)) await drop(item.upload_id);
  }
}

function sendChunk(item, offset) {
  const chunk = item.blob.slice(offset, offset + CHUNK);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", `/api/v1/uploads/${item.upload_id}`);
    request.timeout = STALL_MS;
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Upload-Offset", String(offset));
    for (const [name, value] of Object.entries(csrfHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => { item.part = event.loaded; changed(item); };
    const lost = () => reject(new ApiError(0, { code: "net.offline", message: t("ui.error.offline") }));
    request.onerror = lost;
    request.ontimeout = lost;
    request.onabort = lost;
    request.onload = () => {
      item.part = 0;
      answered(item, request).then(resolve, reject);
    };
    item.request = request;
    request.send(chunk);
  });
}

async function answered(item, request) {
  let body = {};
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // not ours (a proxy's page): the status decides
  }
  if (request.status >= 200 && request.status < 300) return body;
  const error = new ApiError(request.status, body.error || {});
  if (error.code === "upload.offset") return get(`/uploads/${item.upload_id}`);
  if (request.status === 401) await call("GET", "/session"); // asks to sign in again, or leaves for the sign-in page
  else if (error.code !== "session.csrf" || !(await renewed())) throw error;
  return get(`/uploads/${item.upload_id}`); // the same person is signed in: go on where the server is
}

/** Share of an item that is on the server, 0 to 100. */
export function percent(item) {
  if (item.state === "stored" || !item.size) return 100;
  return Math.min(99, Math.floor(((item.received + (item.part || 0)) / item.size) * 100));
}

/** Files of a drop, folders walked; hidden files left out, and of a folder what is no examination. */
export async function filesOf(dataTransfer) {
  const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return { files: usable([...dataTransfer.files]), leftOut: [] };
  const [single, walked] = [[], []];
  for (const entry of entries) await walk(entry, entry.isDirectory ? walked : single);
  const { files, leftOut } = ofFolder(usable(walked));
  return { files: [...usable(single), ...files], leftOut };
}

/** What a disc of films carries besides films: its viewer and its notes. */
const NO_EXAMINATION = /\.(txt|inf|ini|exe|dll|html?|js|css|ico|gif|jar|lnk|bat)$/i;

/** Files of a whole folder: those that are no examination are left out, and told by name. */
export function ofFolder(files) {
  const leftOut = files.filter((file) => NO_EXAMINATION.test(file.name));
  return { files: files.filter((file) => !leftOut.includes(file)), leftOut: leftOut.map((file) => file.name) };
}

/** Files that are worth listing; an empty one is listed as failed, so that nobody misses it. */
export function usable(files) {
  return files.filter((file) => !file.name.startsWith(".") && file.name !== "DICOMDIR" && file.name !== "Thumbs.db");
}

async function walk(entry, found) {
  if (entry.isFile) {
    found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const child of some) await walk(child, found);
  }
}
