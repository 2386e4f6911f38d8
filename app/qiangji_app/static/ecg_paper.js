/** ECG paper in millimetres: where each lead lies, and the drawing of grid, traces and marks. */

import { LEADS } from './ecg_signal.js';

const COLUMNS = [['I', 'II', 'III'], ['aVR', 'aVL', 'aVF'], ['V1', 'V2', 'V3'], ['V4', 'V5', 'V6']];
const ROW_S = 10; // length of a row over the whole width
const COLUMN_S = 2.5; // of each lead in 3×4
const STRIP_ROWS = 6; // of the rhythm lead alone: a minute
const LEAST_TEXT_PX = 11; // smaller words cannot be read; they grow over their millimetres
const PULSE = { seconds: 0.2, millivolt: 1 }; // calibration pulse, IEC 60601-2-25
const MARGIN = { left: 10, right: 2, top: 7, bottom: 6, pulse: 5 }; // mm; pulse: beside the calibration pulse
const BAND_STEP = 0.5; // mm
const LEAST_MARCH_MM = 2; // closer lines would hide the trace
const WEAKEST_BAND = 0.08;
const INK = { ground: '#fffaf7', fine: '#f9d9d2', coarse: '#eba79c', trace: '#10151c', label: '#123a6b',
  mark: '#0a6b3d', gap: '#8a6d00', band: [255, 140, 0] };
const LINE = 1.35; // of the letters' height
const GAP = '   '; // between the printed settings
const FONT = '"Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif';

/** How many seconds of the recording one sheet shows. */
export function windowOf(layout) {
  return layout === 'strip' ? ROW_S * STRIP_ROWS : ROW_S;
}

/** Height of words in mm: as on paper, but never too small to be read on the screen. */
function textSize(mm, pxPerMm) {
  return Math.max(mm, LEAST_TEXT_PX / pxPerMm);
}

/** Height of a row in mm: enough for the gain, so that rows seldom run into each other. */
function pitch(layout, gain) {
  const base = layout === '12x1' ? 15 : 26;
  return base * (gain > 10 ? 1.6 : 1);
}

/**
 * Places the leads of one sheet drawn with so many pixels a millimetre.
 *
 * Result: {width, height, left, cells: [{lead, row, left, width, baseline, from, to, isRhythm}]},
 * lengths in mm, times in seconds from the start of the recording.
 */
export function plan({ layout, gain, speed, start, rhythm }, duration, pxPerMm) {
  const from = Math.max(0, Math.min(start, duration - windowOf(layout)));
  const to = Math.min(duration, from + windowOf(layout));
  const tall = pitch(layout, gain);
  const left = Math.max(MARGIN.left, PULSE.seconds * speed + MARGIN.pulse);
  const span = { from, to, left, speed };
  const cells = { '12x1': () => rowCells(LEADS, span), strip: () => stripCells(rhythm, span),
    '3x4': () => gridCells(rhythm, span) }[layout]();
  const rows = Math.max(...cells.map((cell) => cell.row)) + 1;
  const top = Math.max(MARGIN.top, 2 * textSize(0, pxPerMm));
  cells.forEach((cell) => { cell.baseline = top + (cell.row + 0.55) * tall; });
  const right = Math.max(...cells.map((cell) => cell.left + cell.width));
  return { cells, rows, from, to, tall, top, left, width: right + MARGIN.right,
    height: top + rows * tall + MARGIN.bottom };
}

function rowCells(leads, { from, to, left, speed }) {
  return leads.map((lead, row) => ({ lead, row, from, to, left, width: (to - from) * speed, isRhythm: false }));
}

function stripCells(lead, { from, to, left, speed }) {
  const rows = Math.max(1, Math.ceil((to - from) / ROW_S - 1e-6));
  return Array.from({ length: rows }, (_, row) => {
    const [begin, end] = [from + row * ROW_S, Math.min(to, from + (row + 1) * ROW_S)];
    return { lead, row, from: begin, to: end, left, width: (end - begin) * speed, isRhythm: true };
  });
}

function gridCells(rhythm, span) {
  const { from, to, left, speed } = span;
  const part = Math.min(COLUMN_S, to - from); // a short recording shows the same beats in several columns
  const cells = COLUMNS.flatMap((leads, column) => leads.map((lead, row) => {
    const begin = from + Math.min(column * part, to - from - part);
    return { lead, row, from: begin, to: begin + part, left: left + column * part * speed,
      width: part * speed, isRhythm: false };
  }));
  return [...cells, { ...rowCells([rhythm], span)[0], row: 3, isRhythm: true }];
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
  sheet.cells.forEach((cell) => drawLabel(context, view, cell)); // under the traces: words never hide a wave
  sheet.cells.forEach((cell) => drawCell(context, view, cell));
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
  const baseline = sheet.top + (row + 0.55) * sheet.tall;
  const [high, wide] = [PULSE.millivolt * gain, PULSE.seconds * speed];
  const left = sheet.left - wide - 1.5;
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

function drawLabel(context, { signal, sheet, t, pxPerMm, settings }, cell) {
  const isDerived = (signal.facts.derived_leads || []).includes(cell.lead);
  const size = textSize(3.4, pxPerMm);
  const top = cell.baseline - sheet.tall * 0.55 + size + 0.2;
  context.font = `700 ${size}px ${FONT}`;
  const wide = context.measureText(cell.lead).width;
  haloed(context, cell.lead, cell.left + 1, top);
  const second = settings.layout === 'strip' ? `${cell.from.toFixed(0)} s` : isDerived ? t('ecg.derived') : '';
  context.font = `400 ${textSize(2.5, pxPerMm)}px ${FONT}`;
  haloed(context, second, cell.left + 2 + wide, top);
  if (cell.left > sheet.left + 1) {
    context.fillRect(cell.left, cell.baseline - 3, 0.25, 2.2); // change of lead, as on paper
    context.fillRect(cell.left, cell.baseline + 0.8, 0.25, 2.2);
  }
}

/** Words with an edge of paper colour, so that the grid does not run through them. */
function haloed(context, words, x, y) {
  context.strokeStyle = INK.ground;
  context.lineWidth = 0.9;
  context.strokeText(words, x, y);
  context.fillStyle = INK.label;
  context.fillText(words, x, y);
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
  const { sheet, pxPerMm, footer } = view;
  const size = textSize(3.1, pxPerMm);
  context.font = `500 ${size}px ${FONT}`;
  footer.forEach((line, at) => haloed(context, line, 2,
    sheet.height - 1.6 - (footer.length - 1 - at) * size * LINE));
  context.font = `500 ${textSize(2.9, pxPerMm)}px ${FONT}`;
  haloed(context, titleOf(view), 2, textSize(2.9, pxPerMm) * LINE);
}

function titleOf({ title, signal: { facts } }) {
  const time = facts.acquired_at ? String(facts.acquired_at).replace('T', ' ').slice(0, 16) : '';
  return [...new Set([title, facts.title]), time].filter(Boolean).join('  ');
}

/** The printed settings in lines that fit the sheet; makes room for them at its lower edge. */
export function setFooter(context, view) {
  const { sheet, pxPerMm } = view;
  const size = textSize(3.1, pxPerMm);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.font = `500 ${size * pxPerMm}px ${FONT}`;
  const fits = (line) => context.measureText(line).width / pxPerMm <= sheet.width - 4;
  view.footer = printedSettings(view).split(GAP).reduce((lines, words) => {
    const longer = lines.length ? `${lines.at(-1)}${GAP}${words}` : words;
    return lines.length && fits(longer) ? [...lines.slice(0, -1), longer] : [...lines, words];
  }, []);
  sheet.height += view.footer.length * size * LINE;
}

/** Speed, gain, filters and rate as printed on the sheet. */
export function printedSettings({ settings, signal, sheet, t, scale }) {
  const { filters = {}, rate_hz: rate } = signal.facts;
  const band = [filters.low_hz, filters.high_hz].map((hz) => hz ?? '?').join('–');
  const device = Object.keys(filters).length
    ? t('ecg.device_filter', { band, notch: filters.notch_hz ? t('ecg.notch', { hz: filters.notch_hz }) : '' })
    : t('ecg.device_filter_unknown');
  return [`${settings.speed} mm/s`, `${settings.gain} mm/mV`,
    settings.filter ? t('ecg.filter_on', { band: bandWords(t, signal.filterBand) }) : t('ecg.filter_off'),
    device, `${rate} Hz`, shownSpan(sheet, signal), t(`ecg.${scale}`)].join(GAP);
}

/** Which seconds stand on the sheet, and of how many. */
function shownSpan({ from, to }, { duration }) {
  const span = `${from.toFixed(1)}–${to.toFixed(1)} s`;
  return to - from < duration ? `${span} / ${duration.toFixed(1)} s` : span;
}

/** True when a trace runs off the paper, so that its height cannot be judged. */
export function isCut({ sheet, settings, signal }) {
  return sheet.cells.some((cell) => {
    const values = signal.lead(cell.lead, settings.filter);
    const [most, least] = [cell.baseline, cell.baseline - sheet.height].map((mm) => mm / settings.gain);
    const end = Math.min(signal.samples - 1, Math.floor(cell.to * signal.rate));
    for (let at = Math.ceil(cell.from * signal.rate); at <= end; at += 1) {
      if (values[at] > most || values[at] < least) return true;
    }
    return false;
  });
}

/** What the display filter really does at this sampling rate. */
function bandWords(t, { lowHz, highHz, notchHz }) {
  const band = highHz ? `${lowHz}–${highHz} Hz` : `≥ ${lowHz} Hz`;
  return band + (notchHz ? t('ecg.notch', { hz: notchHz }) : '');
}

/** Cell and time under a position in mm, or null beside the leads. */
export function cellAt(sheet, speed, [x, y]) {
  const row = Math.min(sheet.rows - 1, Math.max(0, Math.floor((y - sheet.top) / sheet.tall)));
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
  if (settings.march) drawMarch(context, cell, ends, [top, bottom]);
  drawCaliperText(context, caliper, ends, [top, sheet.width, textSize(3.2, pxPerMm)]);
}

/** Repeats the caliper's interval along the row, to see whether beats march with it. */
function drawMarch(context, cell, ends, [top, bottom]) {
  const step = Math.abs(ends[1].x - ends[0].x);
  if (step < LEAST_MARCH_MM) return;
  context.setLineDash([1, 1]);
  context.beginPath();
  const first = Math.min(ends[0].x, ends[1].x);
  const begin = first - Math.floor((first - cell.left) / step) * step;
  for (let x = begin; x <= cell.left + cell.width; x += step) {
    context.moveTo(x, top);
    context.lineTo(x, bottom);
  }
  context.stroke();
  context.setLineDash([]);
}

function drawCaliperText(context, caliper, ends, [top, right, size]) {
  context.font = `700 ${size}px ${FONT}`;
  const width = context.measureText(caliper.text).width;
  const left = Math.max(1, Math.min(Math.max(ends[0].x, ends[1].x) + 1, right - width - 1));
  haloed(context, caliper.text, left, top + size); // no box: it would hide the next beat
}
