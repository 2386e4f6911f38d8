/** One film in its frame: loading, window, placement, pointer tools, overlays. */

import { FilmPainter, Placement } from './film_canvas.js';
import { isLateral, Measures } from './film_measures.js';
import { FilmPicture } from './film_picture.js';
import { fillWords } from './film_words.js';
import { announce, el, fetchResponse, mapNotice, oncePerFrame, StatusPanel } from './viewer_common.js';

/** Screen pixels of dragging that change the window by the film's whole range. */
const DRAG_FOR_FULL_RANGE = 700;
/** A frame that takes longer is painted at half resolution until the pointer is lifted. */
const SLOW_FRAME_MS = 50;
const FINE_DRAG = 0.1; // with Shift
const REACH = { mouse: 10, pen: 14, touch: 22 }; // CSS pixels around a handle
/** Zoom a notch of a wheel (about 100 px of scrolling); a touch pad sends many small steps. */
const WHEEL_NOTCH = 0.16;
const WHEEL_PX = [1, 16, 100]; // CSS pixels of a step by WheelEvent.deltaMode

/** A film pane; `host` gives tool(), t, activate(pane), moved(pane), changed(). */
export class FilmPane {
  constructor(host, { isPrior }) {
    this.host = host;
    this.t = host.t;
    this.isPrior = isPrior;
    this.placement = new Placement();
    this.measures = new Measures(this.t);
    this.pointers = new Map();
    this.cursor = null;
    this.redraw = oncePerFrame(() => this.drawNow());
    this.#build();
  }

  #build() {
    this.canvas = el('canvas', { className: 'qj-film-canvas' });
    this.overlay = el('canvas', { className: 'qj-film-overlay' });
    this.painter = new FilmPainter(this.canvas);
    this.corners = Object.fromEntries(['tl', 'tr', 'bl', 'br'].map((name) =>
      [name, el('div', { className: `qj-corner qj-${name}` })]));
    this.edges = ['top', 'right', 'bottom', 'left'].map((name) =>
      el('div', { className: `qj-edge qj-edge-${name}` }));
    this.notice = el('div', { className: 'qj-map-notice', role: 'note', hidden: true });
    this.status = new StatusPanel(this.t);
    this.root = el('div', { className: 'qj-pane', data: { pane: this.isPrior ? 'prior' : 'current' } },
      this.canvas, this.overlay, ...this.edges, ...Object.values(this.corners), this.notice, this.status.root);
    this.overlay.addEventListener('contextmenu', (event) => event.preventDefault());
    this.overlay.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.overlay.addEventListener('pointerdown', (event) => this.#down(event));
    this.overlay.addEventListener('pointermove', (event) => this.#move(event));
    for (const name of ['pointerup', 'pointercancel']) {
      this.overlay.addEventListener(name, (event) => this.#up(event));
    }
    this.overlay.addEventListener('pointerleave', () => { this.cursor = null; this.#words(); });
    this.sizes = new ResizeObserver(() => this.#resized());
    this.sizes.observe(this.root);
  }

  destroy() {
    this.loading?.abort();
    this.sizes.disconnect();
    this.root.remove();
  }

  /** Shows another film; resolves when it is on screen or its error is. */
  async show(item) {
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.item = item;
    this.picture = null;
    this.measures.clear();
    this.mapOff();
    this.drawNow();
    this.status.progress(0);
    try {
      const picture = await FilmPicture.load(item.url,
        { signal, onprogress: (fraction) => this.status.progress(fraction) });
      this.#opened(picture);
    } catch (fault) {
      if (fault.name !== 'AbortError') this.status.failed(fault, () => this.show(item));
    }
  }

  #opened(picture) {
    this.picture = picture;
    this.facts = picture.facts;
    this.inverted = false;
    this.placement.turns = 0;
    this.presets = picture.presets();
    this.preset = this.presets[0].id;
    this.window = { ...this.presets[0].window };
    this.status.hide();
    this.#measurePane();
    this.placement.adopt(picture);
    this.drawNow();
    this.host.changed();
  }

  #measurePane() {
    this.ratio = window.devicePixelRatio || 1;
    this.placement.width = Math.max(1, this.root.clientWidth);
    this.placement.height = Math.max(1, this.root.clientHeight);
  }

  #resized() {
    const kept = this.picture ? this.placement.relative() : null;
    this.#measurePane();
    if (kept) this.placement.follow(kept);
    this.redraw();
  }

  setWindow(centre, width) {
    this.window = { centre, width: Math.max(this.picture.minWidth, width) };
    this.preset = '';
    this.redraw();
    this.host.changed();
  }

  applyPreset(id) {
    const found = this.presets.find((preset) => preset.id === id);
    this.window = { ...found.window };
    this.preset = id;
    this.redraw();
    this.host.changed();
  }

  invert() {
    this.inverted = !this.inverted;
    this.redraw();
  }

  rotate() {
    const kept = this.placement.relative();
    this.placement.turns = (this.placement.turns + 1) % 4;
    this.placement.follow(kept);
    this.redraw();
  }

  reset() {
    this.inverted = false;
    this.placement.turns = 0;
    this.placement.fit();
    this.applyPreset(this.presets[0].id);
    this.host.moved(this);
  }

  zoom(factor, at = [this.placement.width / 2, this.placement.height / 2]) {
    this.placement.zoomAt(at, factor);
    this.redraw();
    this.host.moved(this);
  }

  /** One screen pixel for each stored pixel. */
  actualPixels() {
    this.zoom(1 / this.ratio / this.placement.scale);
  }

  fit() {
    this.placement.fit();
    this.redraw();
    this.host.moved(this);
  }

  follow(relative) {
    if (!this.picture) return;
    this.placement.follow(relative);
    this.redraw();
  }

  /** Fetches and shows the map of a label; the server writes the look down, the page hears of it. */
  async mapOn(label) {
    this.mapOff();
    this.mapWanted = label;
    const { signal } = this.loading;
    const response = await fetchResponse(
      `${this.item.url}/map?label=${encodeURIComponent(label)}`, signal);
    const extent = (response.headers.get('X-Map-Extent') || '0,0,1,1').split(',').map(Number);
    const picture = await createImageBitmap(await response.blob());
    if (signal.aborted || this.mapWanted !== label) return;
    this.map = { label, extent, picture, opacity: 1 };
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

  drawNow() {
    const sizes = [this.placement.width, this.placement.height];
    const [width, height] = sizes.map((size) => Math.round(size * (this.ratio || 1)));
    this.paintRatio = (this.ratio || 1) * (this.isHurried() ? 0.5 : 1);
    this.painter.resize(...sizes.map((size) => Math.round(size * this.paintRatio)));
    if (this.overlay.width !== width || this.overlay.height !== height) {
      Object.assign(this.overlay, { width, height });
    }
    const context = this.overlay.getContext('2d');
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.picture) this.#drawFilm(context);
    else this.painter.context.fillRect(0, 0, width, height);
    this.#words();
  }

  /** True while a pointer drags on a machine too slow for full resolution at every step. */
  isHurried() {
    this.isSlow = this.pointers.size > 0 && (this.isSlow || this.painter.lastMs > SLOW_FRAME_MS);
    return this.isSlow;
  }

  #drawFilm(context) {
    const key = JSON.stringify([this.window, this.inverted]);
    if (this.greysKey !== key || this.greysOf !== this.picture) {
      this.greys = this.picture.greys(this.window, this.inverted);
      this.greysKey = key;
      this.greysOf = this.picture;
    }
    this.painter.paint(this.picture, this.placement, this.greys, this.paintRatio);
    if (this.map) this.#drawMap(context);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.measures.draw(context, this.placement, this.facts);
  }

  #drawMap(context) {
    const [top, left, bottom, right] = this.map.extent;
    const { rows, columns } = this.picture;
    this.placement.applyTo(context, this.ratio);
    context.globalAlpha = this.map.opacity;
    context.drawImage(this.map.picture, left * columns, top * rows,
      (right - left) * columns, (bottom - top) * rows);
    context.globalAlpha = 1;
  }

  #words() {
    fillWords(this);
  }

  #at(event) {
    const box = this.overlay.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    if (!this.picture) return;
    const notches = (event.deltaY * WHEEL_PX[event.deltaMode]) / 100;
    this.zoom(Math.exp(-Math.max(-1, Math.min(1, notches)) * WHEEL_NOTCH), this.#at(event));
  }

  #down(event) {
    this.host.activate(this);
    if (!this.picture) return;
    this.overlay.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#at(event));
    if (this.pointers.size > 1) {
      this.#cancelHandle();
      return;
    }
    this.act = this.#actOf(event);
    if (this.act === 'length' || this.act === 'ctr') this.#takeHandle(event);
  }

  #actOf(event) {
    if (event.button === 2) return 'window';
    if (event.button === 1 || event.shiftKey && this.host.tool() !== 'window') return 'pan';
    if (this.measures.hit(this.#at(event), this.placement, REACH[event.pointerType] || 10)) return 'length';
    return this.host.tool();
  }

  #takeHandle(event) {
    const at = this.#at(event);
    const reach = REACH[event.pointerType] || 10;
    const found = this.measures.hit(at, this.placement, reach);
    if (found) this.handle = this.measures.take(found);
    else if (this.act !== 'ctr' || !isLateral(this.facts)) {
      this.handle = this.measures.begin(this.act, this.placement.toPicture(at));
    }
    this.redraw();
  }

  #cancelHandle() {
    if (this.handle) this.measures.undo(); // the first finger of a pinch measures nothing
    this.handle = null;
    this.act = 'pinch';
  }

  #move(event) {
    if (!this.picture) return;
    const at = this.#at(event);
    this.cursor = this.placement.toPicture(at);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.#words();
      return;
    }
    if (this.pointers.size > 1) this.#pinch(event.pointerId, before, at);
    else this.#dragged(before, at, event.shiftKey);
    this.pointers.set(event.pointerId, at);
    this.redraw();
  }

  #dragged(before, at, fine) {
    const [du, dv] = [at[0] - before[0], at[1] - before[1]];
    if (this.handle) this.measures.drag(this.handle, this.placement.toPicture(at), this.placement);
    else if (this.act === 'pan') this.placement.moveBy(du, dv);
    else if (this.act === 'zoom') this.placement.zoomAt(at, Math.exp(-dv * 0.01));
    else if (this.act === 'window') this.#dragWindow(du, dv, fine);
    if (this.act === 'pan' || this.act === 'zoom') this.host.moved(this);
  }

  #dragWindow(du, dv, fine) {
    const range = Math.max(this.picture.high - this.picture.low, this.picture.minWidth);
    const step = (range / DRAG_FOR_FULL_RANGE) * (fine ? FINE_DRAG : 1);
    this.setWindow(this.window.centre + dv * step, this.window.width + du * step);
  }

  #pinch(id, before, at) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    this.placement.moveBy((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.placement.zoomAt(middle, Math.max(spread(at), 1) / Math.max(spread(before), 1));
    this.host.moved(this);
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    this.redraw();
    if (!this.handle) return;
    const { handle } = this;
    this.handle = null;
    if (this.measures.finish(handle, this.placement)) this.report(handle.measure);
    this.redraw();
    this.host.changed();
  }

  /** Tells the page what a measure reads; a warning belongs to its words wherever they go. */
  report(measure) {
    const result = this.measures.result(measure, this.facts);
    if (!result) return;
    if (result.value === null) this.#announce({ kind: 'cleared', text: '' });
    else this.#announce(worded(result, this.t));
  }

  /** Removes the measure touched last, or all, and tells the page. */
  removeMeasures(which) {
    if (this.measures.remove(which)) this.#announce({ kind: 'cleared', text: '' });
  }

  undoMeasure() {
    if (this.measures.undo()) this.#announce({ kind: 'cleared', text: '' });
  }

  /** The report is about the current film: what is measured on a prior one stays on the screen. */
  #announce(detail) {
    if (this.isPrior) return;
    announce(this.root, 'qj-measure', { url: this.item.url, ...detail,
      measures: this.measures.results(this.facts).map((one) => worded(one, this.t)) });
  }
}

function worded(result, t) {
  const { text, warning } = result;
  return { ...result, text: warning ? t('film.with_warning', { text, warning }) : text };
}
