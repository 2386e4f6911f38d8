/** What the browser keeps over a reload: files still to be sent (IndexedDB), typed forms (localStorage). */

const NAME = "qiangji";
const STORE = "uploads";
let opened = null;

function database() {
  opened = opened || new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "upload_id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, action) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(STORE, mode);
    const request = action(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request && request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Keep an upload with its file; resolves when it is on disk. */
export const keepUpload = (item) => run("readwrite", (store) => store.put(item));
export const forgetUpload = (uploadId) => run("readwrite", (store) => store.delete(uploadId));
export const keptUploads = () => run("readonly", (store) => store.getAll());

/** A JSON value of one user, null when absent or unreadable. */
export function recall(userId, key) {
  try {
    return JSON.parse(localStorage.getItem(`qj.${userId}.${key}`));
  } catch {
    return null;
  }
}

export function remember(userId, key, value) {
  localStorage.setItem(`qj.${userId}.${key}`, JSON.stringify(value));
}

export function forget(userId, key) {
  localStorage.removeItem(`qj.${userId}.${key}`);
}

/** What outlives a sign-out: choices of a list, which say nothing of a patient. */
const KEPT = ["worklist"];

/** Forget every typed form of a user: done at sign-out, for the next person at the desk. */
export function forgetAll(userId) {
  const kept = KEPT.map((key) => `qj.${userId}.${key}`);
  for (const key of Object.keys(localStorage)) if (key.startsWith(`qj.${userId}.`) && !kept.includes(key)) localStorage.removeItem(key);
}
