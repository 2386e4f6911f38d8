/** A day or a moment typed or read in the Chinese order, whatever the browser's own language: 2026-03-02 08:30. */
import { h, when } from "/static/dom.js";
import { t } from "/static/api.js";

const DAY = /^(\d{4})\D+(\d{1,2})\D+(\d{1,2})\D*$/; // 2026-3-2, 2026/03/02, 2026年3月2日
const SOLID = /^(\d{4})(\d{2})(\d{2})$/; // fewer digits than eight may be cut in two ways: no day
const TIME = /^(.*?)[T\s]*(\d{1,2})[::](\d{2})$/;

/** `2026-03-02` of what was typed, empty for nothing, null where it is no day of the calendar. */
export function dayOf(typed) {
  const text = typed.trim();
  if (!text) return "";
  const found = SOLID.exec(text) || DAY.exec(text);
  if (!found) return null;
  const [year, month, day] = found.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.toISOString().slice(0, 10) : null;
}

/** `2026-03-02T08:30` of what was typed, a time alone being today's; empty for nothing, null where it is no moment. */
export function momentOf(typed, now = new Date()) {
  const text = typed.trim();
  if (!text) return "";
  const found = TIME.exec(text);
  if (!found) return null;
  const [, before, hour, minute] = found;
  const day = before ? dayOf(before) : when(now, { day: true });
  if (!day || Number(hour) > 23 || Number(minute) > 59) return null;
  return `${day}T${hour.padStart(2, "0")}:${minute}`;
}

/** The instant, ISO, of a moment on the clock of the site: the computer's own may stand in another zone. */
export function instantOf(moment) {
  const guess = Date.parse(`${moment}Z`);
  const shown = Date.parse(`${momentAt(guess)}Z`);
  return new Date(2 * guess - shown).toISOString();
}

/** The moment of an instant on the clock of the site. */
export const momentAt = (instant) => when(instant).replace(" ", "T");

/** A line for a day; `onday` is called with it once it is whole or empty again. */
export function dayInput({ label, onday, ...props }) {
  const input = h("input", { class: "qp-input qp-day", inputMode: "numeric", maxLength: 12, placeholder: `${label} ${t("ui.common.day_form")}`, "aria-label": label, title: label, ...props });
  input.addEventListener("change", () => {
    const day = dayOf(input.value);
    input.setAttribute("aria-invalid", String(day === null));
    input.title = day === null ? t("ui.common.day_unknown") : label;
    if (day === null) return;
    input.value = day;
    onday(day);
  });
  return input;
}
