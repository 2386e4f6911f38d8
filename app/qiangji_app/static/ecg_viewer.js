/** ECG viewer: tool bar, current and prior sheet, values. `mount(element, props)` starts it. */

import { windowOf } from './ecg_paper.js';
import { EcgSheet } from './ecg_sheet.js';
import { LEADS } from './ecg_signal.js';
import { fillValues } from './ecg_values.js';
import { button, el, ensureStyles, fillOptions, focusOnEntry, group, helpPanel, isTyping, select, setPressed,
  signature, translator } from './viewer_common.js';

const GAINS = [5, 10, 20]; // mm/mV
const SPEEDS = [12.5, 25, 50]; // mm/s
const LAYOUTS = ['3x4', '12x1', 'strip'];
const CSS_PX_PER_MM = 96 / 25.4; // CSS reference; the user corrects it with a ruler
const SCALE_KEY = 'qiangji.pxPerMm';
const RULER_MM = 50;
const ZOOM_STEP = 1.25;
const LEAST_FIT = 0.5; // of true size; smaller (a phone) is not legible, the sheet scrolls instead

/**
 * Starts a viewer in an element.
 *
 * props: {lang: 'zh'|'en', texts: {zh: {...}, en: {...}},
 *         items: [{url, title, label, map_labels: [{id, text}]}], prior: [...same, is_later]}
 * `title` (whose picture it is) is drawn on the picture; `label` (else the title) names it in lists.
 * `url` is the image's address, for example /api/v1/images/17; the viewer adds /ecg, /samples, /map.
 */
export function mount(element, props) {
  element.qjViewer?.destroy();
  element.qjViewer = new EcgViewer(element, props);
  return element.qjViewer;
}

class EcgViewer {
  constructor(element, props) {
    ensureStyles();
    this.element = element;
    this.pxPerMm = savedScale() || CSS_PX_PER_MM;
    this.isCalibrated = Boolean(savedScale());
    this.update(props);
  }

  /** Takes new props; reloads only when language or recordings changed. */
  update(props) {
    const name = signature(props);
    if (name === this.signature) return this.ready;
    this.signature = name;
    this.props = { items: [], prior: [], lang: 'zh', ...props };
    this.t = translator(props.texts, this.props.lang);
    this.settings = { layout: '3x4', gain: 10, speed: 25, start: 0, rhythm: 'II', filter: false, peaks: false, march: false,
      fit: false, zoom: 1, caliper: matchMedia('(pointer: fine)').matches };
    this.isScaleChosen = false;
    this.#build();
    this.ready = this.#open();
    return this.ready;
  }

  destroy() {
    this.#sheets().forEach((sheet) => sheet.destroy());
    this.root?.remove();
    this.element.qjViewer = null;
  }

  #sheets() {
    return [this.current, this.prior].filter(Boolean);
  }

  #build() {
    this.#sheets().forEach((sheet) => sheet.destroy());
    this.root?.remove();
    this.prior = null;
    const { t } = this;
    this.readout = el('output', { className: 'qj-hint', 'aria-live': 'polite' });
    this.values = el('aside', { className: 'qj-values', 'aria-label': t('ecg.values') });
    this.sheets = el('div', { className: 'qj-sheets' });
    this.help = helpPanel(t, this.#shortcuts());
    this.ruler = this.#rulerPanel();
    this.root = el('div', { className: 'qj qj-ecg', lang: this.props.lang === 'zh' ? 'zh-CN' : 'en', tabIndex: 0, role: 'region',
      'aria-label': t('ecg.heading'), onkeydown: (event) => this.#key(event) },
    this.#toolbar(), this.#tabs(), this.readout,
    el('div', { className: 'qj-ecg-body' }, this.sheets, this.values), this.ruler, this.help);
    this.element.append(this.root);
    focusOnEntry(this.root);
    this.current = new EcgSheet(this, { isPrior: false });
    this.active = this.current;
    this.sheets.append(this.current.root);
    this.changed();
  }

  #toolbar() {
    const { t, settings } = this;
    const list = (name, choices, words) => select({ name, label: t(`ecg.${name}`), value: String(settings[name]),
      options: choices.map((value) => [String(value), words(value)]),
      onchange: (value) => this.set({ [name]: typeof choices[0] === 'number' ? Number(value) : value }) });
    this.lists = { layout: list('layout', LAYOUTS, (value) => t(`ecg.layout.${value}`)),
      rhythm: list('rhythm', LEADS, (value) => value), gain: list('gain', GAINS, (value) => `${value} mm/mV`),
      speed: list('speed', SPEEDS, (value) => `${value} mm/s`) };
    this.toggles = Object.fromEntries([['filter', 'R'], ['caliper', 'C'], ['march', 'H'], ['peaks', 'P'], ['values', 'V'],
      ['fit', 'F']].map(([name, key]) => [name, this.#action(name, key, false)]));
    return el('div', { className: 'qj-toolbar', role: 'toolbar', 'aria-label': t('toolbar') },
      group(...Object.values(this.lists)), group(this.toggles.filter),
      group(this.toggles.caliper, this.toggles.march, this.toggles.peaks, this.toggles.values),
      group(this.#action('zoomout', '-'), this.#action('zoomin', '+'), this.toggles.fit,
        this.#action('ruler', 'K')),
      this.#timeControls(), this.#mapControls(), this.#priorControls(), group(this.#action('help', '?')));
  }

  #action(name, key, pressed) {
    return button({ name, label: this.t(`ecg.${name}`), title: `${this.t(`ecg.${name}.title`)} (${key})`,
      pressed, onclick: () => this.act(name) });
  }

  #timeControls() {
    this.time = el('input', { type: 'range', min: 0, step: 0.5, value: 0, title: this.t('ecg.time'),
      'aria-label': this.t('ecg.time'), oninput: () => this.set({ start: Number(this.time.value) }) });
    this.timeGroup = group(el('label', { className: 'qj-select' }, el('span', {}, this.t('ecg.time')), this.time));
    this.timeGroup.hidden = true;
    return this.timeGroup;
  }

  #mapControls() {
    const labels = this.props.items[0]?.map_labels || [];
    if (!labels.length) return null;
    this.mapList = select({ name: 'map', label: this.t('map.label'), value: '',
      options: [['', this.t('map.off')], ...labels.map(({ id, text }) => [id, text])],
      onchange: (label) => this.showMap(label) });
    return group(this.mapList);
  }

  #priorControls() {
    if (!this.props.prior.length) return null;
    this.priorList = select({ name: 'prior', label: this.t('prior'), value: '',
      options: [['', this.t('prior.off')], ...this.props.prior.map((item, at) => [String(at), item.label || item.title])],
      onchange: (at) => this.showPrior(at) });
    this.toggles.prior = this.#action('prior', 'B', false);
    this.toggles.prior.hidden = true;
    return group(this.priorList, this.toggles.prior);
  }

  #tabs() {
    if (this.props.items.length < 2) return null;
    this.tabs = this.props.items.map(({ title, label }, at) => el('button', { type: 'button', role: 'tab',
      className: 'qj-tab', onclick: () => this.showItem(at) }, label || title));
    return el('div', { className: 'qj-tabs', role: 'tablist' }, ...this.tabs);
  }

  /** Panel with a bar that the user compares with a real ruler. */
  #rulerPanel() {
    const { t } = this;
    this.rulerBar = el('div', { className: 'qj-ruler' }, `${RULER_MM} mm`);
    this.rulerInput = el('input', { type: 'range', min: 2, max: 9, step: 0.01, value: this.pxPerMm,
      'aria-label': t('ecg.ruler.title'), oninput: () => this.setScale(Number(this.rulerInput.value)) });
    const reset = el('button', { type: 'button', className: 'qj-button', onclick: () => this.setScale(null) },
      t('ecg.ruler.reset'));
    const close = el('button', { type: 'button', className: 'qj-button',
      onclick: () => { this.ruler.hidden = true; } }, t('close'));
    return el('div', { className: 'qj-panel', role: 'dialog', hidden: true, 'aria-label': t('ecg.ruler.title') },
      el('h3', {}, t('ecg.ruler.title')), el('p', {}, t('ecg.ruler.how', { mm: RULER_MM })),
      this.rulerBar, this.rulerInput, reset, close);
  }

  /** Sets how many CSS pixels make a millimetre on this screen and remembers it here; null forgets it. */
  setScale(pxPerMm) {
    this.pxPerMm = pxPerMm || CSS_PX_PER_MM;
    this.isCalibrated = Boolean(pxPerMm);
    try {
      if (pxPerMm) localStorage.setItem(SCALE_KEY, String(pxPerMm));
      else localStorage.removeItem(SCALE_KEY);
    } catch (fault) {
      console.warn('the scale lasts only for this page', fault); // private window without storage
    }
    this.#redraw();
  }

  async #open() {
    if (this.props.items.length) await this.showItem(0);
    else this.current.status.message(this.t('ecg.none'));
  }

  async showItem(at) {
    this.tabs?.forEach((tab, index) => tab.setAttribute('aria-selected', String(index === at)));
    const item = this.props.items[at];
    this.settings.start = 0;
    if (this.mapList) {
      fillOptions(this.mapList.querySelector('select'), [['', this.t('map.off')],
        ...(item.map_labels || []).map(({ id, text }) => [id, text])], '');
    }
    await this.current.show(item);
    this.changed();
  }

  /** Opens or closes the prior recording; `at` is its place in props.prior, '' closes. */
  async showPrior(at) {
    this.prior?.destroy();
    this.prior = null;
    this.activate(this.current);
    this.priorList.querySelector('select').value = at;
    this.toggles.prior.hidden = at === '';
    if (at !== '') {
      this.prior = new EcgSheet(this, { isPrior: true });
      this.sheets.append(this.prior.root);
      await this.prior.show(this.props.prior[Number(at)]);
    }
    this.changed();
  }

  /** Shows the AI map of a label on the current recording, '' hides it. */
  async showMap(label) {
    this.mapList.querySelector('select').value = label;
    if (!label) {
      this.current.mapOff();
      return;
    }
    try {
      await this.current.mapOn(label);
    } catch (fault) {
      if (fault.name === 'AbortError') return;
      this.mapList.querySelector('select').value = '';
      this.readout.textContent = this.t('map.failed', { reason: this.t(fault.key || 'error.not_readable', fault.params) });
    }
  }

  activate(sheet) {
    this.root.focus({ preventScroll: true });
    this.active = sheet;
    this.changed();
  }

  /** Changes settings of all sheets, for example {gain: 20}. */
  set(changes) {
    if ('fit' in changes || 'zoom' in changes) this.isScaleChosen = true;
    Object.assign(this.settings, changes);
    this.#redraw();
  }

  #redraw() {
    this.#sheets().forEach((sheet) => sheet.drawNow());
    this.changed();
  }

  /** Opens a sheet too wide for its pane at fit width, until somebody chooses a scale. */
  loaded(sheet) {
    if (this.isScaleChosen || sheet.isPrior) return;
    const room = sheet.roomAtTrueScale();
    this.settings.fit = room < 1 && room >= LEAST_FIT;
  }

  /** Brings controls, readout and values in line with the state. */
  changed() {
    if (!this.current) return;
    const { settings, toggles } = this;
    for (const name of ['filter', 'caliper', 'march', 'peaks', 'fit']) setPressed(toggles[name], settings[name]);
    setPressed(toggles.values, !this.values.hidden);
    if (toggles.prior) setPressed(toggles.prior, this.sheets.classList.contains('qj-beside'));
    for (const [name, node] of Object.entries(this.lists)) node.querySelector('select').value = String(settings[name]);
    this.rulerBar.style.width = `${RULER_MM * this.pxPerMm}px`;
    this.rulerInput.value = this.pxPerMm;
    this.lists.rhythm.hidden = settings.layout === '12x1';
    this.#tellTime();
    this.readout.textContent = this.active.signal && this.active.reading()?.text
      || (this.active.isWider ? this.t('ecg.swipe') : settings.caliper ? this.t('ecg.caliper.how') : '');
    if (this.valuesOf?.[0] !== this.current.signal || this.valuesOf?.[1] !== this.prior?.signal) {
      this.valuesOf = [this.current.signal, this.prior?.signal];
      fillValues(this.values, this.t, this.current.signal?.facts.measurements,
        this.prior?.signal?.facts.measurements);
    }
  }

  #tellTime() {
    const longest = Math.max(0, ...this.#sheets().map((sheet) => sheet.signal?.duration || 0));
    this.time.max = Math.max(0, longest - windowOf(this.settings.layout));
    this.timeGroup.hidden = Number(this.time.max) === 0;
    this.time.value = this.settings.start;
  }

  /** Runs a tool-bar action. */
  act(name) {
    const { settings } = this;
    const next = (choices, value) => choices[(choices.indexOf(value) + 1) % choices.length];
    const acts = {
      filter: () => this.set({ filter: !settings.filter }), peaks: () => this.set({ peaks: !settings.peaks }),
      caliper: () => this.set({ caliper: !settings.caliper }),
      march: () => this.set({ march: !settings.march }), fit: () => this.set({ fit: !settings.fit }),
      gain: () => this.set({ gain: next(GAINS, settings.gain) }),
      speed: () => this.set({ speed: next(SPEEDS, settings.speed) }),
      layout: () => this.set({ layout: next(LAYOUTS, settings.layout) }),
      zoomin: () => this.active.zoomAt(ZOOM_STEP), zoomout: () => this.active.zoomAt(1 / ZOOM_STEP),
      one: () => this.set({ zoom: 1, fit: false }),
      values: () => { this.values.hidden = !this.values.hidden; this.#redraw(); },
      prior: () => { this.sheets.classList.toggle('qj-beside'); this.#redraw(); },
      ruler: () => { this.ruler.hidden = !this.ruler.hidden; },
      help: () => { this.help.hidden = !this.help.hidden; },
    };
    acts[name]?.();
  }

  /** Zooms from what is on the screen now, a sheet at fit width too. */
  zoom(factor) {
    const now = this.active.drawn.pxPerMm / this.pxPerMm;
    const zoom = Math.min(4, Math.max(0.4, now * factor));
    this.set({ fit: false, zoom: Math.abs(zoom - 1) < 0.02 ? 1 : zoom });
  }

  #shortcuts() {
    const { t } = this;
    const acts = [['R', 'filter'], ['C', 'caliper'], ['H', 'march'], ['P', 'peaks'], ['V', 'values'], ['F', 'fit'],
      ['+', 'zoomin'], ['-', 'zoomout'], ['K', 'ruler']].map(([key, name]) => [key, t(`ecg.${name}.title`)]);
    return [...acts, ['1', t('ecg.keys.one')], ['G', t('ecg.gain')], ['S', t('ecg.speed')],
      ['L', t('ecg.layout')], [t('ecg.keys.wheel'), t('ecg.keys.wheel_zoom')], ['← →', t('ecg.keys.nudge')], ['X', t('ecg.keys.swap')],
      ['Del', t('ecg.keys.clear')], ['PgUp PgDn', t('ecg.time')], ['M', t('map.off.title')],
      ['B', t('ecg.prior.title')], ['Esc', t('close')]];
  }

  #key(event) {
    if (isTyping(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const acts = { r: 'filter', c: 'caliper', h: 'march', p: 'peaks', v: 'values', f: 'fit', '+': 'zoomin', '=': 'zoomin',
      '-': 'zoomout', 1: 'one', k: 'ruler', g: 'gain', s: 'speed', l: 'layout', '?': 'help' };
    const step = event.shiftKey ? 10 : 1;
    if (acts[key]) this.act(acts[key]);
    else if (key === 'ArrowLeft') this.active.nudge(-step);
    else if (key === 'ArrowRight') this.active.nudge(step);
    else if (key === 'x') this.active.swap();
    else if (key === 'Delete' || key === 'Backspace') this.active.clearCaliper();
    else if (key === 'm' && this.mapList) this.showMap('');
    else if (key === 'b' && this.toggles.prior) this.act('prior');
    else if (key === 'PageDown' || key === 'PageUp') this.#turn(key === 'PageDown' ? 5 : -5);
    else if (key === 'Escape') [this.help, this.ruler].forEach((panel) => { panel.hidden = true; });
    else return;
    event.preventDefault();
  }

  #turn(seconds) {
    const most = Number(this.time.max);
    this.set({ start: Math.min(most, Math.max(0, this.settings.start + seconds)) });
  }

  // What tests and pages may ask.

  state() {
    return { ...this.settings, pxPerMm: this.current.drawn?.pxPerMm, map: this.current.map?.label || '',
      prior: Boolean(this.prior?.signal), printed: this.current.paper.getAttribute('aria-label') };
  }

  /** Value of one sample in mV as shown now (raw or filtered); null where the lead was off. */
  sampleAt(lead, index) {
    const value = this.current.signal.lead(lead, this.settings.filter)[index];
    return Number.isNaN(value) ? null : value;
  }

  /** What the caliper reads, or null without one. */
  caliper() {
    const reading = this.active.reading();
    return reading && { ...reading, cell: undefined };
  }

  /** Sets the caliper by time; null where the sheet does not show the lead at these times. */
  setCaliper(lead, from, to) {
    this.active.setCaliper(lead, from, to);
    return this.caliper();
  }

  clientPoint(lead, seconds) {
    return this.current.clientPoint(lead, seconds);
  }

  /** PNG (data URL) of the current sheet, never with the AI map. */
  screenshot() {
    const sheet = this.current;
    const { map } = sheet;
    sheet.map = null;
    sheet.drawNow();
    const picture = sheet.paper.toDataURL('image/png');
    sheet.map = map;
    sheet.drawNow();
    return picture;
  }
}

function savedScale() {
  try {
    const saved = Number(localStorage.getItem(SCALE_KEY));
    return saved >= 2 && saved <= 9 ? saved : null;
  } catch (fault) {
    console.warn('no stored screen scale', fault); // private window without storage
    return null;
  }
}
