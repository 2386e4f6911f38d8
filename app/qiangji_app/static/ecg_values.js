/** Table of measured values of one or two recordings. */

import { el } from './viewer_common.js';

/** Keys of the measurements that are shown, in reading order; the ending names the unit. */
const ROWS = ['ventricular_bpm', 'atrial_bpm', 'rr_mean_ms', 'rr_longest_ms', 'rr_shortest_ms', 'p_ms',
  'pr_ms', 'qrs_ms', 'qt_ms', 'qtc_ms', 'axis_deg', 'sokolow_lyon_mv', 'cornell_mv'];
/** Judgements that are shown only where they hold. */
const SIGNS = ['is_without_qrs', 'is_flat', 'is_chaotic', 'is_wide_qrs_tachycardia', 'is_paced',
  'is_irregularly_irregular', 'is_flutter', 'is_av_dissociated', 'is_wide_qrs', 'is_lvh_sokolow_lyon',
  'is_lvh_cornell', 'is_low_voltage_limb', 'is_low_voltage_chest'];
const UNITS = [['_ms', 'ms', 0], ['_bpm', '/min', 0], ['_deg', '°', 0], ['_mv', 'mV', 2], ['_s', 's', 2]];

/** Fills the panel with the current values and, beside them, those of the prior recording. */
export function fillValues(panel, t, current, prior) {
  const shown = Object.keys(current || {}).length > 0;
  panel.replaceChildren(...[
    shown ? valueTable(t, current, prior) : el('p', {}, t('ecg.no_values')),
    shown ? signList(t, current) : null,
    shown ? stTable(t, current) : null,
    el('p', { className: 'qj-small' }, t('ecg.values.note')),
  ].filter(Boolean));
}

function valueTable(t, current, prior) {
  const header = el('tr', {}, el('th', {}, t('ecg.values')), el('th', {}, t('ecg.current')),
    prior ? el('th', {}, t('prior')) : null);
  const rows = ROWS.filter((key) => key in current).map((key) => el('tr', { data: { value: key } },
    el('th', {}, nameOf(t, key, current)), cell(t, key, current), prior ? cell(t, key, prior) : null));
  return el('table', {}, header, ...rows);
}

/** Fixed decimals without a minus before a zero. */
function rounded(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}

function nameOf(t, key, values) {
  return t(`ecg.value.${key}`, { formula: values.qtc_formula || '' });
}

/** One value with its unit, or why there is none. */
function cell(t, key, values) {
  const value = values[key];
  if (typeof value === 'number') {
    const [, unit, digits] = UNITS.find(([ending]) => key.endsWith(ending));
    return el('td', { className: 'qj-number' }, `${rounded(value, digits)} ${unit}`);
  }
  const reason = values.reasons?.[key];
  return el('td', { title: reason ? t(`why.${reason}`) : '' }, t('ecg.not_measurable'),
    reason ? el('div', { className: 'qj-small' }, t(`why.${reason}`)) : null);
}

function signList(t, values) {
  const present = SIGNS.filter((key) => values[key] === true);
  if (!present.length) return null;
  return el('ul', { className: 'qj-signs', 'aria-label': t('ecg.signs') },
    ...present.map((key) => el('li', {}, t(`ecg.value.${key}`))));
}

/** ST level of each lead at J and 60 ms later, in mV. */
function stTable(t, values) {
  const leads = Object.keys(values.st_j_mv || {});
  if (!leads.length) return null;
  const level = (value) => (typeof value === 'number' ? rounded(value, 2) : '–');
  const header = el('tr', {}, el('th', {}, t('ecg.st')), el('th', {}, 'J'), el('th', {}, 'J+60'));
  return el('table', { className: 'qj-st' }, header, ...leads.map((lead) => el('tr', {}, el('th', {}, lead),
    el('td', { className: 'qj-number' }, level(values.st_j_mv[lead])),
    el('td', { className: 'qj-number' }, level(values.st_j60_mv?.[lead])))));
}
