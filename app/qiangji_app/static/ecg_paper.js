/** ECG paper in millimetres: where each lead lies, and the drawing of grid, traces and marks. */

import { LEADS } from './ecg_signal.js';

const COLUMNS = [['I', 'II', 'III'], ['aVR', 'aVL', 'aVF'], ['V1', 'V2', 'V3'], ['V4', 'V5', 'V6']];
const WINDOW_S = 10; // length of one sheet
const PULSE = { seconds: 0.2, millivolt: 1 }; // calibration pulse, IEC 60601-2-25
const MARGIN = { left: 10, right: 2, top: 7, bottom: 9 }; // mm
const BAND_STEP = 0.5; // mm
const WEAKEST_BAND = 0.08;
const INK = { ground: '#fffaf7', fine: '#f9d9d2', coarse: '#eba79c', trace: '#10151c', label: '#123a6b', backing: 'rgba(255, 250, 247, 0.75)',
  mark: '#0a6b3d', gap: '#8a6d00', band: [255, 140, 0] };
const FONT = '"Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif';

/** Height of a row in mm: enough for the gain, so that rows seldom run into each other. */
function pitch(layout, gain) {
  const base = layout === '12x1' ? 15 : 26;
  return base * (gain > 10 ? 1.6 : 1);
}

/**
 * Places the leads of one sheet.
 *
 * Result: {width, height, cells: [{lead, row, left, width, baseline, from, to, isRhythm}]}, lengths
 * in mm, times in seconds from the start of the recording.
 */
export function plan({ layout, gain, speed, start }, duration) {
  const from = Math.min(start, Math.max(0, duration - WINDOW_S));
  const to = Math.min(duration, from + WINDOW_S);
  const tall = pitch(layout, gain);
  const cells = layout === '12x1' ? rowCells(LEADS, from, to, speed) : gridCells(from, to, speed);
  const rows = Math.max(...cells.map((cell) => cell.row)) + 1;
  cells.forEach((cell) => { cell.baseline = MARGIN.top + (cell.row + 0.55) * tall; });
  return { cells, rows, from, to, tall, width: MARGIN.left + (to - from) * speed + MARGIN.right,
    height: MARGIN.top + rows * tall + MARGIN.bottom };
}

function rowCells(leads, from, to, speed) {
  return leads.map((lead, row) => ({ lead, row, from, to, left: MARGIN.left,
    width: (to - from) * speed, isRhythm: false }));
}

function gridCells(from, to, speed) {
  const part = (to - from) / COLUMNS.length;
  const cells = COLUMNS.flatMap((leads, column) => leads.map((lead, row) => ({ lead, row,
    from: from + column * part, to: from + (column + 1) * part,
    left: MARGIN.left + column * part * speed, width: part * speed, isRhythm: false })));
  const rhythm = rowCells(['II'], from, to, speed)[0];
  return [...cells, { ...rhythm, row: 3, isRhythm: true }];
}

/** Draws one sheet; `view` = {sheet, settings, signal, title, map, t, pxPerMm, ratio}. */
export function drawSheet(context, view) {
  const { sheet, pxPerMm, ratio } = view;
  const scale = pxPerMm * ratio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  drawGrid(context, sheet, scale);
  context.setTransform(scale, 0, 0, scale, 0, 0); // millimetres from here on
  context.lineJoin = 'round';
  if (view.map) sheet.cells.forEach((cell) => drawBands(context, view, cell));
  for (let row = 0; row < sheet.rows; row += 1) drawPulse(context, view, row);
  sheet.cells.forEach((cell) => drawCell(context, view, cell));
  sheet.cells.forEach((cell) => drawLabel(context, view, cell)); // above the traces
  if (view.settings.peaks) drawPeaks(context, view);
  drawFooter(context, view);
}

function drawGrid(context, { width, height }, scale) {
  const [right, bottom] = [Math.round(width * scale), Math.round(height * scale)];
  const thick = Math.max(1, Math.round(scale / 9));
  context.fillStyle = INK.ground;
  context.fillRect(0, 0, right, bottom);
  for (const [step, colour, line] of [[1, INK.fine, Math.max(1, Math.floor(scale / 9))],
    [5, INK.coarse, thick]]) {
    if (step * scale < 3) continue;
    context.fillStyle = colour;
    for (let mm = 0; mm <= width; mm += step) context.fillRect(Math.round(mm * scale), 0, line, bottom);
    for (let mm = 0; mm <= height; mm += step) context.fillRect(0, Math.round(mm * scale), right, line);
  }
}

function drawPulse(context, { sheet, settings: { gain, speed } }, row) {
  const baseline = MARGIN.top + (row + 0.55) * sheet.tall;
  const [high, wide] = [PULSE.millivolt * gain, PULSE.seconds * speed];
  const left = MARGIN.left - wide - 1.5;
  context.strokeStyle = INK.trace;
  context.lineWidth = 0.3;
  context.beginPath();
  context.moveTo(Math.max(0.5, left - 1.5), baseline);
  for (const [x, y] of [[left, 0], [left, high], [left + wide, high], [left + wide, 0],
    [left + wide + 1, 0]]) context.lineTo(x, baseline - y);
  context.stroke();
}

function drawCell(context, view, cell) {
  const { signal, settings } = view;
  const [first, end] = [Math.ceil(cell.from * signal.rate), Math.floor(cell.to * signal.rate)];
  const values = signal.lead(cell.lead, settings.filter);
  context.save();
  context.beginPath();
  context.rect(cell.left, 0, cell.width, view.sheet.height);
  context.clip();
  drawGaps(context, view, cell, first, Math.min(end + 1, signal.samples));
  context.strokeStyle = INK.trace;
  context.lineWidth = Math.max(0.26, 1.1 / view.pxPerMm / view.ratio);
  context.beginPath();
  let isDown = false;
  for (let at = first; at <= end && at < signal.samples; at += 1) {
    const value = values[at];
    const x = cell.left + (at / signal.rate - cell.from) * settings.speed;
    const y = cell.baseline - value * settings.gain;
    if (Number.isNaN(value)) isDown = false;
    else if (isDown) context.lineTo(x, y);
    else { context.moveTo(x, y); isDown = true; }
  }
  context.stroke();
  context.restore();
}

function drawGaps(context, { signal, settings, sheet, t }, cell, first, end) {
  for (const [from, to] of signal.gaps(cell.lead, first, end)) {
    const left = cell.left + (from / signal.rate - cell.from) * settings.speed;
    const width = ((to - from) / signal.rate) * settings.speed;
    const [top, tall] = [cell.baseline - sheet.tall * 0.3, sheet.tall * 0.6];
    context.fillStyle = 'rgba(255, 214, 102, 0.45)';
    context.fillRect(left, top, width, tall);
    context.fillStyle = INK.gap;
    context.font = `600 3.2px ${FONT}`;
    if (width > 14) context.fillText(t('ecg.lead_off'), left + 2, cell.baseline + 1.2);
  }
}

function drawLabel(context, { signal, sheet, t }, cell) {
  const isDerived = (signal.facts.derived_leads || []).includes(cell.lead);
  const top = cell.baseline - sheet.tall * 0.55 + 3.6;
  context.font = `700 3.4px ${FONT}`;
  context.fillStyle = INK.backing;
  context.fillRect(cell.left + 0.6, top - 3.2, context.measureText(cell.lead).width + 0.8, 4);
  context.fillStyle = INK.label;
  context.fillText(cell.lead, cell.left + 1, top);
  if (isDerived) {
    const after = cell.left + 2 + context.measureText(cell.lead).width;
    context.font = `400 2.5px ${FONT}`;
    context.fillText(t('ecg.derived'), after, top);
  }
  if (cell.left > MARGIN.left + 1) {
    context.fillRect(cell.left, cell.baseline - 3, 0.25, 2.2); // change of lead, as on paper
    context.fillRect(cell.left, cell.baseline + 0.8, 0.25, 2.2);
  }
}

/** Shades stretches of time behind the trace; weights are 0–1, deeper means more. */
function drawBands(context, { sheet, settings, map }, cell) {
  for (let x = 0; x < cell.width; x += BAND_STEP) {
    const weight = Math.min(1, weightAt(map, cell.from + (x + BAND_STEP / 2) / settings.speed));
    if (weight < WEAKEST_BAND) continue;
    context.fillStyle = `rgba(${INK.band.join(', ')}, ${(0.5 * weight).toFixed(3)})`;
    context.fillRect(cell.left + x, cell.baseline - sheet.tall * 0.5,
      Math.min(BAND_STEP, cell.width - x), sheet.tall);
  }
}

/** Weight of the map's entry nearest to a time; 0 outside the stretch that the map covers. */
function weightAt({ times_s: times, weights }, time) {
  if (times.length < 2) return 0;
  const step = (times.at(-1) - times[0]) / (times.length - 1); // evenly spaced
  const at = Math.round((time - times[0]) / step);
  return at >= 0 && at < times.length ? Math.max(0, weights[at]) : 0;
}

function drawPeaks(context, { sheet, settings, signal }) {
  const cells = sheet.cells.filter((cell) => cell.isRhythm || (sheet.rows > 4 && cell.lead === 'II'));
  context.fillStyle = INK.mark;
  for (const cell of cells) {
    const top = cell.baseline - sheet.tall * 0.5;
    for (const time of signal.facts.r_peaks_s || []) {
      if (time < cell.from || time > cell.to) continue;
      const x = cell.left + (time - cell.from) * settings.speed;
      context.beginPath();
      context.moveTo(x - 1.1, top);
      context.lineTo(x + 1.1, top);
      context.lineTo(x, top + 2);
      context.fill();
    }
  }
}

function drawFooter(context, view) {
  context.fillStyle = '#3a2a28';
  context.font = `500 3.1px ${FONT}`;
  context.fillText(printedSettings(view), 2, view.sheet.height - 2.4);
  context.font = `500 2.9px ${FONT}`;
  const { title = '', acquired_at: at } = view.signal.facts;
  context.fillText([...new Set([view.title, title]), at ? String(at).replace('T', ' ').slice(0, 16) : ''].filter(Boolean).join('  '),
    2, 4.4);
}

/** Speed, gain, filters and rate as printed on the sheet. */
export function printedSettings({ settings, signal, sheet, t, isTrueScale }) {
  const { filters = {}, rate_hz: rate } = signal.facts;
  const band = [filters.low_hz, filters.high_hz].map((hz) => hz ?? '?').join('–');
  const device = Object.keys(filters).length
    ? t('ecg.device_filter', { band, notch: filters.notch_hz ? t('ecg.notch', { hz: filters.notch_hz }) : '' })
    : t('ecg.device_filter_unknown');
  return [`${settings.speed} mm/s`, `${settings.gain} mm/mV`,
    t(settings.filter ? 'ecg.filter_on' : 'ecg.filter_off'), device, `${rate} Hz`,
    `${sheet.from.toFixed(1)}–${sheet.to.toFixed(1)} s`, t(isTrueScale ? 'ecg.true_scale' : 'ecg.not_true_scale'),
  ].join('   ');
}

/** Cell and time under a position in mm, or null beside the leads. */
export function cellAt(sheet, speed, [x, y]) {
  const row = Math.min(sheet.rows - 1, Math.max(0, Math.floor((y - MARGIN.top) / sheet.tall)));
  const cell = sheet.cells.find((item) => item.row === row && x >= item.left && x <= item.left + item.width);
  return cell ? { cell, time: cell.from + (x - cell.left) / speed } : null;
}

/** Draws the caliper on its own layer, in millimetres. */
export function drawCaliper(context, view, caliper) {
  const { sheet, settings, signal, pxPerMm, ratio } = view;
  const scale = pxPerMm * ratio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  if (!caliper) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const { cell } = caliper;
  const values = signal.lead(cell.lead, settings.filter);
  const ends = [caliper.first, caliper.second].map((at) => ({
    x: cell.left + (at / signal.rate - cell.from) * settings.speed,
    y: cell.baseline - (Number.isNaN(values[at]) ? 0 : values[at] * settings.gain) }));
  const [top, bottom] = [cell.baseline - sheet.tall * 0.5, cell.baseline + sheet.tall * 0.42];
  context.fillStyle = 'rgba(21, 101, 192, 0.10)';
  context.fillRect(Math.min(ends[0].x, ends[1].x), top, Math.abs(ends[1].x - ends[0].x), bottom - top);
  context.strokeStyle = '#1565c0';
  context.lineWidth = 0.3;
  context.beginPath();
  for (const { x, y } of ends) {
    context.moveTo(x, top);
    context.lineTo(x, bottom);
    context.moveTo(ends[0].x, y);
    context.lineTo(ends[1].x, y);
  }
  context.stroke();
  context.fillStyle = '#1565c0';
  for (const { x, y } of ends) {
    context.beginPath();
    context.arc(x, y, 0.8, 0, 2 * Math.PI);
    context.fill();
  }
  drawCaliperText(context, caliper, ends, [top, sheet.width]);
}

function drawCaliperText(context, caliper, ends, [top, right]) {
  context.font = `700 3.2px ${FONT}`;
  const width = context.measureText(caliper.text).width + 2.4;
  const left = Math.max(1, Math.min(Math.max(ends[0].x, ends[1].x) + 1, right - width - 1));
  context.fillStyle = 'rgba(255, 255, 255, 0.92)';
  context.fillRect(left, top, width, 5);
  context.strokeRect(left, top, width, 5);
  context.fillStyle = '#0d47a1';
  context.fillText(caliper.text, left + 1.2, top + 3.7);
}
