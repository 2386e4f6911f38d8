/** One recording on paper: loading, scale, calipers by pointer and keyboard, AI map on demand. */

import { cellAt, drawCaliper, drawSheet, isCut, plan, printedSettings, setFooter } from './ecg_paper.js';
import { EcgSignal } from './ecg_signal.js';
import { announce, el, fetchJson, mapNotice, oncePerFrame, StatusPanel } from './viewer_common.js';

const REACH = { mouse: 8, pen: 12, touch: 22 }; // CSS pixels around a caliper line
const SHORTEST_RATE_MS = 200; // an interval shorter than this is no heart cycle; no rate is given

const WHEEL_ZOOM = 1.12;

/** A sheet; `host` gives t, settings, pxPerMm, isCalibrated, loaded(sheet), changed(), zoom(factor). */
export class EcgSheet {
  constructor(host, { isPrior }) {
    this.host = host;
    this.t = host.t;
    this.isPrior = isPrior;
    this.caliper = null;
    this.redraw = oncePerFrame(() => this.drawNow());
    this.#build();
  }

  #build() {
    this.paper = el('canvas', { className: 'qj-ecg-paper' });
    this.layer = el('canvas', { className: 'qj-ecg-layer' });
    this.holder = el('div', { className: 'qj-ecg-holder' }, this.paper, this.layer);
    this.scroller = el('div', { className: 'qj-ecg-scroller' }, this.holder);
    this.marks = el('div', { className: 'qj-ecg-marks' });
    this.notice = el('div', { className: 'qj-map-notice', role: 'note', hidden: true });
    this.status = new StatusPanel(this.t);
    this.root = el('div', { className: 'qj-sheet', data: { pane: this.isPrior ? 'prior' : 'current' } },
      this.marks, this.notice, this.scroller, this.status.root);
    this.layer.addEventListener('pointerdown', (event) => this.#down(event));
    this.layer.addEventListener('pointermove', (event) => this.#move(event));
    this.layer.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.layer.addEventListener('pointerup', () => this.#up());
    this.layer.addEventListener('pointercancel', () => { this.dragged = null; });
    this.sizes = new ResizeObserver(() => { if (this.host.settings.fit) this.redraw(); });
    this.sizes.observe(this.scroller);
  }

  destroy() {
    this.loading?.abort();
    this.sizes.disconnect();
    this.root.remove();
  }

  /** Shows another recording; resolves when it is on screen or its error is. */
  async show(item) {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    Object.assign(this, { item, signal: null, caliper: null, map: null, mapWanted: null });
    this.notice.hidden = true;
    this.status.progress(0);
    try {
      this.signal = await EcgSignal.load(item.url,
        { signal, onprogress: (fraction) => this.status.progress(fraction) });
      this.status.hide();
      this.#mark();
      this.host.loaded(this);
      this.drawNow();
      this.host.changed();
    } catch (fault) {
      if (fault.name !== 'AbortError') this.status.failed(fault, () => this.show(item));
    }
  }

  #mark() {
    const { facts } = this.signal;
    const words = [this.isPrior ? this.t(this.item.is_later ? 'later_mark' : 'prior_mark') : '', facts.is_demo ? this.t('demo_mark') : ''];
    this.cut = el('span', { className: 'qj-cut', hidden: true }, this.t('ecg.cut'));
    this.marks.replaceChildren(this.cut, ...words.filter(Boolean).map((word) => el('span', {}, word)));
  }

  /** Everything the drawing needs, in one object. */
  view() {
    const { settings } = this.host;
    const isTrue = !settings.fit && settings.zoom === 1;
    const scale = isTrue ? (this.host.isCalibrated ? 'true_scale' : 'true_scale_unchecked') : 'not_true_scale';
    const { duration } = this.signal;
    const fitted = Math.max(0.8, (this.scroller.clientWidth - 2) / plan(settings, duration, 1).width);
    const pxPerMm = settings.fit ? fitted : this.host.pxPerMm * settings.zoom;
    const view = { sheet: plan(settings, duration, pxPerMm), settings, signal: this.signal, pxPerMm, scale,
      title: this.item.title, map: this.map, t: this.t, ratio: window.devicePixelRatio || 1 };
    setFooter(this.paper.getContext('2d', { alpha: false }), view);
    return view;
  }

  /** True when some leads lie beyond the edge of the pane. */
  get isWider() {
    return this.scroller.scrollWidth > this.scroller.clientWidth + 1;
  }

  /** What part of the sheet's width at 1:1 the pane can hold; 1 and more: all of it. */
  roomAtTrueScale() {
    const { settings, pxPerMm } = this.host;
    return (this.scroller.clientWidth - 2) / (plan(settings, this.signal.duration, pxPerMm).width * pxPerMm);
  }

  drawNow() {
    if (!this.signal) return;
    this.drawn = this.view();
    const { sheet, pxPerMm, ratio } = this.drawn;
    const [width, height] = [sheet.width * pxPerMm, sheet.height * pxPerMm];
    Object.assign(this.holder.style, { width: `${width}px`, height: `${height}px` });
    for (const canvas of [this.paper, this.layer]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.layer.style.touchAction = this.host.settings.caliper ? 'none' : 'pan-x pan-y pinch-zoom';
    this.layer.style.cursor = this.host.settings.caliper ? 'crosshair' : 'default';
    drawSheet(this.paper.getContext('2d', { alpha: false }), this.drawn);
    this.paper.setAttribute('aria-label', printedSettings(this.drawn));
    this.cut.hidden = !isCut(this.drawn);
    this.#drawCaliper();
  }

  #drawCaliper() {
    if (this.caliper && !this.#place()) this.caliper = null;
    drawCaliper(this.layer.getContext('2d'), this.drawn, this.caliper && this.reading());
  }

  /** Cell that holds both ends of the caliper on the sheet as drawn now. */
  #place() {
    const { lead, first, second } = this.caliper;
    const times = [first, second].map((at) => at / this.signal.rate);
    const slack = 1 / this.signal.rate;
    const fits = (cell) => cell.lead === lead
      && times.every((time) => time >= cell.from - slack && time <= cell.to + slack);
    const cells = this.drawn.sheet.cells.filter(fits);
    this.caliper.cell = cells.includes(this.caliper.cell) ? this.caliper.cell
      : cells.find((cell) => cell.isRhythm === this.caliper.cell?.isRhythm) || cells[0];
    return this.caliper.cell;
  }

  /** The caliper with what it reads: ms and mV between two samples of one lead. */
  reading() {
    if (!this.caliper) return null;
    const { lead, first, second } = this.caliper;
    const { filter } = this.host.settings;
    const values = this.signal.lead(lead, filter);
    const ms = ((second - first) / this.signal.rate) * 1000;
    const mv = values[second] - values[first];
    const rate = Math.abs(ms) >= SHORTEST_RATE_MS ? 60000 / Math.abs(ms) : null;
    const text = [lead, `Δt ${shownMs(Math.abs(ms))} ms`, rate ? `(${Math.round(rate)} /min)` : '',
      Number.isNaN(mv) ? this.t('ecg.lead_off') : `ΔU ${signed(mv)} mV`,
      filter ? this.t('ecg.caliper_filtered') : ''].filter(Boolean).join('  ');
    return { ...this.caliper, ms, mv, rate, filtered: filter, text };
  }

  /** Sets both ends of the caliper by time; they snap to samples. */
  setCaliper(lead, from, to) {
    this.caliper = { lead, first: this.signal.indexAt(from), second: this.signal.indexAt(to), cell: null };
    this.#drawCaliper();
    this.#tell();
  }

  clearCaliper() {
    if (!this.caliper) return;
    this.caliper = null;
    this.#drawCaliper();
    this.host.changed();
    announce(this.root, 'qj-measure', { kind: 'cleared', url: this.item.url, text: '' });
  }

  /** Moves the second end by samples. */
  nudge(samples) {
    if (!this.caliper) return;
    this.caliper.second = this.#inside(this.caliper.second + samples);
    this.#drawCaliper();
    this.#tell();
  }

  /** Exchanges the ends, so that the other one moves by keyboard. */
  swap() {
    if (!this.caliper) return;
    const { first, second } = this.caliper;
    Object.assign(this.caliper, { first: second, second: first });
    this.#drawCaliper();
    this.#tell();
  }

  #inside(index) {
    const { cell } = this.caliper;
    const { rate } = this.signal;
    const last = Math.min(this.signal.samples - 1, Math.floor(cell.to * rate));
    return Math.min(last, Math.max(Math.ceil(cell.from * rate), index));
  }

  /** Ctrl and wheel zoom at the pointer; the wheel alone scrolls. */
  #wheel(event) {
    if (!event.ctrlKey || !this.signal) return;
    event.preventDefault();
    this.zoomAt(event.deltaY < 0 ? WHEEL_ZOOM : 1 / WHEEL_ZOOM, event);
  }

  /** Zooms so that the paper under a point of the window, by default the middle, stays there. */
  zoomAt(factor, point = this.#middle()) {
    if (!this.signal) return;
    const [x, y] = this.#millimetres(point);
    this.host.zoom(factor);
    const box = this.layer.getBoundingClientRect();
    this.scroller.scrollLeft += box.left + x * this.drawn.pxPerMm - point.clientX;
    this.root.closest('.qj-ecg-body').scrollTop += box.top + y * this.drawn.pxPerMm - point.clientY;
  }

  #middle() {
    const box = this.scroller.getBoundingClientRect();
    return { clientX: (box.left + box.right) / 2, clientY: box.top };
  }

  #millimetres(event) {
    const box = this.layer.getBoundingClientRect();
    return [(event.clientX - box.left) / this.drawn.pxPerMm, (event.clientY - box.top) / this.drawn.pxPerMm];
  }

  #down(event) {
    this.host.activate(this);
    if (!this.signal || !this.host.settings.caliper || event.button !== 0) return;
    const at = this.#millimetres(event);
    const found = cellAt(this.drawn.sheet, this.drawn.settings.speed, at);
    if (!found) return;
    this.layer.setPointerCapture(event.pointerId);
    this.dragged = this.#endNear(at, found.cell, (REACH[event.pointerType] || 8) / this.drawn.pxPerMm);
    if (this.dragged) return;
    this.caliper = { lead: found.cell.lead, cell: found.cell, first: 0, second: 0 };
    this.caliper.first = this.#inside(this.signal.indexAt(found.time));
    this.caliper.second = this.caliper.first;
    this.dragged = 'second';
  }

  /** Which end of the caliper lies within reach of a position, or null. */
  #endNear([x], cell, reach) {
    if (!this.caliper || this.caliper.cell !== cell) return null;
    const distances = ['first', 'second'].map((end) => [end,
      Math.abs(cell.left + (this.caliper[end] / this.signal.rate - cell.from) * this.drawn.settings.speed - x)]);
    const [end, distance] = distances.sort((one, other) => one[1] - other[1])[0];
    return distance <= reach ? end : null;
  }

  #move(event) {
    if (!this.dragged || !this.caliper) return;
    const { cell } = this.caliper;
    const time = cell.from + (this.#millimetres(event)[0] - cell.left) / this.drawn.settings.speed;
    this.caliper[this.dragged] = this.#inside(this.signal.indexAt(time));
    this.#drawCaliper();
    this.host.changed();
  }

  #up() {
    if (!this.dragged) return;
    this.dragged = null;
    if (this.caliper.first === this.caliper.second) this.clearCaliper();
    else this.#tell();
  }

  #tell() {
    this.host.changed();
    const reading = this.reading();
    if (!reading) return;
    const { lead, first, second, ms, mv, rate, filtered, text } = reading;
    announce(this.root, 'qj-measure', { kind: 'caliper', url: this.item.url, lead, first, second, ms, mv,
      rate, filtered, text });
  }

  /** Fetches and shows the map of a label; the server writes the look down, the page hears of it. */
  async mapOn(label) {
    const { signal } = this.loading;
    this.mapWanted = label;
    const map = await fetchJson(`${this.item.url}/map?label=${encodeURIComponent(label)}`, signal);
    if (signal.aborted || this.mapWanted !== label) return;
    this.map = { ...map, label };
    mapNotice(this.notice, this.t, this.item.map_labels, label);
    this.drawNow();
    announce(this.root, 'qj-map-viewed', { url: this.item.url, label });
  }

  mapOff() {
    this.mapWanted = null;
    this.map = null;
    this.notice.hidden = true;
    this.redraw();
  }

  /** Position in the browser window of a lead's sample on the sheet. */
  clientPoint(lead, seconds) {
    const { sheet, settings, pxPerMm } = this.drawn;
    const cell = sheet.cells.find((item) => item.lead === lead && seconds >= item.from && seconds <= item.to);
    const box = this.layer.getBoundingClientRect();
    return [box.left + (cell.left + (seconds - cell.from) * settings.speed) * pxPerMm,
      box.top + cell.baseline * pxPerMm];
  }
}

function shownMs(ms) {
  return Number.isInteger(ms) ? String(ms) : ms.toFixed(1);
}

function signed(mv) {
  return `${mv < 0 ? '−' : '+'}${Math.abs(mv).toFixed(3)}`;
}
