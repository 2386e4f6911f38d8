/** How an alarm reaches who looks elsewhere: a sound, the title of the tab, a line in an open dialog. */
import { t } from "/static/api.js";
import { fill, h } from "/static/dom.js";

const FLASH_MS = 1000;
let flashing = null;
let lines = [];

/** Sound, and a title that flashes until somebody touches the page. */
export function attend() {
  beep();
  if (flashing) return;
  const plain = document.title;
  const timer = setInterval(() => { document.title = document.title === plain ? t("ui.alert.tab") : plain; }, FLASH_MS);
  const stop = () => {
    clearInterval(timer);
    document.title = plain;
    flashing = null;
    for (const name of ["pointerdown", "keydown"]) document.removeEventListener(name, stop, true);
  };
  for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, stop, true);
  document.title = t("ui.alert.tab");
  flashing = stop;
}

/**
 * What an open dialog says of the alarms of the own site: the first of them, and how many there
 * are. In a reader's dialog, to sign or to call, another patient's name would mislead.
 */
export function stripInDialogs(wanted) {
  lines = wanted;
  for (const box of document.querySelectorAll("dialog[open]")) showStrip(box);
}

window.addEventListener("qp-dialog", (event) => showStrip(event.detail));

/** A veiled dialog hides the page from whoever stands there: it shows no patient. */
function showStrip(box) {
  if (box.classList.contains("qp-dialog-veiled")) return;
  const old = box.querySelector(".qp-alert-strip");
  if (!lines.length) { if (old) old.remove(); return; }
  const area = old || h("div", { class: "qp-alert-strip", role: "alert", dataset: { testid: "alert-strip" } });
  fill(area, lines.length > 1 ? h("b", {}, t("ui.alert.count", { n: lines.length }), " · ") : null, lines[0]);
  if (!old) box.querySelector("header").after(area);
}

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
