/** The words around a film: whose and which, patient sides, window, turns, what lies under the pointer. */

import { el, shownTime } from './viewer_common.js';

const OPPOSITE = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };
const FRONTAL = ['PA', 'AP'];
const DIRECTION = /^[LRAPHF]{1,3}$/;

/** Patient directions towards the top, right, bottom and left of the screen; null when the file does not say. */
export function sides(facts, turns) {
  const [right, bottom] = facts.patient_orientation || [];
  if (!DIRECTION.test(right || '') || !DIRECTION.test(bottom || '')) return null;
  const opposite = (letters) => [...letters].map((letter) => OPPOSITE[letter]).join('');
  const ring = [opposite(bottom), right, bottom, opposite(right)];
  return ring.map((_, at) => ring[(at - turns + 4) % 4]);
}

/** True when a frontal film is stored with the patient's right at the right. */
export function isMirrored(facts) {
  return FRONTAL.includes(facts.view) && /^R/.test(facts.patient_orientation?.[0] || '');
}

/** Writes the corners and edges of a pane. */
export function fillWords(pane) {
  const { t, facts, corners, edges } = pane;
  const known = pane.picture ? sides(facts, pane.placement.turns) : null;
  edges.forEach((edge, at) => {
    edge.textContent = known ? sideText(t, known[at]) : '';
  });
  if (!pane.picture) {
    Object.values(corners).forEach((corner) => corner.replaceChildren());
    return;
  }
  fill(corners.tl, topLeft(pane));
  fill(corners.tr, [pane.isPrior ? t(pane.item.is_later ? 'later_mark' : 'prior_mark') : '', facts.is_demo ? t('demo_mark') : '']);
  fill(corners.bl, bottomLeft(pane, known));
  fill(corners.br, [pixelWords(pane), t(`film.spacing.${facts.spacing_kind || 'none'}`)]);
}

function sideText(t, letters) {
  return letters.length === 1 ? t(`film.side.${letters}`) : letters;
}

function topLeft({ t, facts, item }) {
  const view = facts.view && facts.view !== 'unknown' ? facts.view : t('film.view_unknown');
  const part = ['L', 'R'].includes(facts.laterality) ? sideText(t, facts.laterality) : '';
  const line = [view, facts.patient_position, part].filter(Boolean).join(' · ');
  const time = shownTime(facts.acquired_at);
  return [...new Set([item.title, facts.title, item.title.includes(time) ? '' : time, line])];
}

function bottomLeft({ t, facts, placement, window, ratio, inverted, picture }, known) {
  const lut = window.lut ? t('film.voi_lut') : '';
  return [picture.low === picture.high ? warning(t('film.flat')) : '',
    isMirrored(facts) ? warning(t('film.mirrored')) : '',
    known ? '' : t('film.side_unknown'),
    placement.turns ? warning(t('film.rotated', { degrees: placement.turns * 90 })) : '',
    inverted ? warning(t('film.inverted')) : '',
    lut || `WC ${shown(window.centre)}  WW ${shown(window.width)}`,
    `${Math.round(placement.scale * ratio * 100)} %`];
}

function pixelWords({ t, cursor, picture }) {
  const value = cursor ? picture.valueAt(...cursor) : null;
  if (value === null) return '';
  const [x, y] = cursor.map(Math.floor);
  return t('film.pixel', { x, y, value: shown(value) });
}

function warning(text) {
  return el('strong', { className: 'qj-turned' }, text);
}

function fill(corner, lines) {
  corner.replaceChildren(...lines.filter(Boolean).map((line) => el('div', {}, line)));
}

function shown(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
