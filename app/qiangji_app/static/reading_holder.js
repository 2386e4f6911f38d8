/** Tells a specialist whose case a colleague took over: in the case at once, in the list at the next look. */
import { get, session, t } from "/static/api.js";
import { toast, when } from "/static/dom.js";
import { recall, remember } from "/static/store.js";

const KEY = "held";

/** Who holds the case now; null when nobody does, or when there is no such case any more. */
async function holderOf(id) {
  try {
    return (await get(`/cases/${encodeURIComponent(id)}/holder`)).holder;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Who else holds the case now; null when nobody else does. */
export async function heldByOther(id) {
  const holder = await holderOf(id);
  return holder && !holder.is_me ? holder : null;
}

/** Name of the holder and since when, for people. */
export function holding(holder) {
  return { name: holder.name || t("ui.reading.by_other"), since: holder.since ? when(holder.since) : t("ui.reading.since_unknown") };
}

/** Remember a case as mine, so that the list can tell when it is not any more. */
export function keepHeld({ id, short_id: shortId }) {
  const user = session().user.id;
  remember(user, KEY, { ...(recall(user, KEY) || {}), [id]: shortId });
}

export function forgetHeld(id) {
  const user = session().user.id;
  const held = { ...(recall(user, KEY) || {}) };
  delete held[id];
  remember(user, KEY, held);
}

/** Compare what I held with the list; say once what a colleague took over. */
export async function tellTaken(rows) {
  for (const row of rows) if (row.claimed_by && row.claimed_by.is_me) keepHeld(row);
  const mine = new Set(rows.filter((row) => row.claimed_by && row.claimed_by.is_me).map((row) => row.id));
  for (const [id, shortId] of Object.entries(recall(session().user.id, KEY) || {})) {
    if (mine.has(id)) continue;
    const holder = await holderOf(id);
    if (holder && holder.is_me) continue; // a filter hides it
    forgetHeld(id);
    if (holder) toast(t("ui.reading.taken_over", { name: holding(holder).name, id: shortId }), { kind: "error" });
  }
}
