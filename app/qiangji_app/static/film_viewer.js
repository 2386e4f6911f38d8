/** Film viewer: tool bar, current and prior pane, shortcuts. `mount(element, props)` starts it. */

import { isLateral } from './film_measures.js';
import { FilmPane } from './film_pane.js';
import { button, el, ensureStyles, fillOptions, focusOnEntry, group, helpPanel, isTyping, isUndo, select, setPressed,
  signature, translator } from './viewer_common.js';

const ZOOM_STEP = 1.25;
const TOOLS = [['window', 'W'], ['pan', 'P'], ['length', 'L'], ['ctr', 'C']];

/**
 * Starts a viewer in an element.
 *
 * props: {lang: 'zh'|'en', texts: {zh: {...}, en: {...}},
 *         items: [{url, title, label, map_labels: [{id, text}]}], prior: [...same, is_later]}
 * `title` (whose picture it is) is drawn on the picture; `label` (else the title) names it in lists.
 * `url` is the image's address, for example /api/v1/images/17; the viewer adds /film, /pixels, /map.
 */
export function mount(element, props) {
  element.qjViewer?.destroy();
  element.qjViewer = new FilmViewer(element, props);
  return element.qjViewer;
}

class FilmViewer {
  constructor(element, props) {
    ensureStyles();
    this.element = element;
    this.update(props);
  }

  /** Takes new props; reloads only when language or films changed. */
  update(props) {
    const name = signature(props);
    if (name === this.signature) return this.ready;
    this.signature = name;
    this.props = { items: [], prior: [], lang: 'zh', ...props };
    this.t = translator(props.texts, this.props.lang);
    this.#build();
    this.ready = this.#open();
    return this.ready;
  }

  destroy() {
    this.#panes().forEach((pane) => pane.destroy());
    this.root?.remove();
    this.element.qjViewer = null;
  }

  #panes() {
    return [this.current, this.prior].filter(Boolean);
  }

  #build() {
    this.#panes().forEach((pane) => pane.destroy());
    this.root?.remove();
    this.toolName = 'window';
    this.isLinked = true;
    this.prior = null;
    this.stage = el('div', { className: 'qj-stage' });
    this.hint = el('div', { className: 'qj-hint', role: 'status', 'aria-live': 'polite' });
    this.help = helpPanel(this.t, this.#shortcuts());
    this.root = el('div', { className: 'qj qj-film', lang: this.props.lang === 'zh' ? 'zh-CN' : 'en', tabIndex: 0, role: 'region',
      'aria-label': this.t('film.heading'), onkeydown: (event) => this.#key(event) },
    this.#toolbar(), this.#films(), this.stage, this.help);
    this.element.append(this.root);
    focusOnEntry(this.root);
    this.current = new FilmPane(this, { isPrior: false });
    this.active = this.current;
    this.stage.append(this.hint, this.current.root);
    this.#mark();
  }

  #toolbar() {
    const { t } = this;
    this.toolButtons = Object.fromEntries(TOOLS.map(([name, key]) => [name, button({
      name, label: t(`film.tool.${name}`), title: `${t(`film.tool.${name}.title`)} (${key})`,
      pressed: name === this.toolName, onclick: () => this.setTool(name) })]));
    this.presetList = select({ name: 'preset', label: t('film.preset'), options: [],
      onchange: (id) => this.active.applyPreset(id) });
    this.bar = el('div', { className: 'qj-toolbar', role: 'toolbar', 'aria-label': t('toolbar') },
      group(...Object.values(this.toolButtons), this.#action('remove', 'Del'), this.#action('undo', 'Z'), this.#action('clear', 'Shift+Del')),
      group(this.presetList, this.#action('invert', 'I')),
      group(this.#action('zoomin', '+'), this.#action('zoomout', '-'), this.#action('fit', 'F'),
        this.#action('one', '1'), this.#action('rotate', 'R'), this.#action('reset', '0')),
      this.#mapControls(), this.#priorControls(), group(this.#action('help', '?')));
    return this.bar;
  }

  #action(name, key) {
    return button({ name, label: this.t(`film.${name}`), title: `${this.t(`film.${name}.title`)} (${key})`,
      onclick: () => this.act(name) });
  }

  #mapControls() {
    const labels = this.props.items[0]?.map_labels || [];
    if (!labels.length) return null;
    this.mapList = select({ name: 'map', label: this.t('map.label'), value: '',
      options: [['', this.t('map.off')], ...labels.map(({ id, text }) => [id, text])],
      onchange: (label) => this.showMap(label) });
    this.opacity = el('input', { type: 'range', min: 0.1, max: 1, step: 0.05, value: 1, hidden: true,
      title: this.t('map.opacity'), 'aria-label': this.t('map.opacity'),
      oninput: () => this.#setOpacity() });
    return group(this.mapList, this.opacity);
  }

  #priorControls() {
    if (!this.props.prior.length) return null;
    this.priorList = select({ name: 'prior', label: this.t('prior'), value: '',
      options: [['', this.t('prior.off')], ...this.props.prior.map((item, at) => [String(at), item.label || item.title])],
      onchange: (at) => this.showPrior(at) });
    this.linkButton = button({ name: 'link', label: this.t('film.link'), pressed: this.isLinked,
      title: `${this.t('film.link.title')} (K)`, onclick: () => this.act('link') });
    this.linkButton.hidden = true;
    return group(this.priorList, this.linkButton);
  }

  #films() {
    if (this.props.items.length < 2) return null;
    this.tabs = this.props.items.map(({ title, label }, at) => el('button', { type: 'button', role: 'tab',
      className: 'qj-tab', onclick: () => this.showItem(at) }, label || title));
    return el('div', { className: 'qj-tabs', role: 'tablist' }, ...this.tabs);
  }

  async #open() {
    if (this.props.items.length) await this.showItem(0);
    else this.current.status.message(this.t('film.none'));
  }

  async showItem(at) {
    this.tabs?.forEach((tab, index) => tab.setAttribute('aria-selected', String(index === at)));
    const item = this.props.items[at];
    if (this.mapList) {
      fillOptions(this.mapList.querySelector('select'), [['', this.t('map.off')],
        ...(item.map_labels || []).map(({ id, text }) => [id, text])], '');
      this.opacity.hidden = true;
    }
    await this.current.show(item);
    this.changed();
  }

  /** Opens or closes the prior film; `at` is its place in props.prior, '' closes. */
  async showPrior(at) {
    this.prior?.destroy();
    this.prior = null;
    this.activate(this.current);
    this.linkButton.hidden = at === '';
    this.priorList.querySelector('select').value = at;
    this.stage.classList.toggle('qj-two', at !== '');
    if (at === '') return;
    this.prior = new FilmPane(this, { isPrior: true });
    this.stage.append(this.prior.root);
    await this.prior.show(this.props.prior[Number(at)]);
  }

  /** Shows the AI map of a label on the current film, '' hides it. */
  async showMap(label) {
    this.opacity.hidden = label === '';
    this.mapList.querySelector('select').value = label;
    this.hint.textContent = '';
    if (!label) {
      this.current.mapOff();
      return;
    }
    try {
      await this.current.mapOn(label);
      this.#setOpacity();
    } catch (fault) {
      if (fault.name === 'AbortError') return;
      this.mapList.querySelector('select').value = '';
      this.opacity.hidden = true;
      this.hint.textContent = this.t('map.failed', { reason: this.t(fault.key || 'error.not_readable', fault.params) });
    }
  }

  #setOpacity() {
    if (!this.current.map) return;
    this.current.map.opacity = Number(this.opacity.value);
    this.current.redraw();
  }

  tool() {
    return this.toolName;
  }

  setTool(name) {
    this.toolName = name;
    this.changed();
  }

  activate(pane) {
    this.root.focus({ preventScroll: true });
    this.active = pane;
    this.changed();
  }

  /** A pane moved: the other follows when linked. */
  moved(pane) {
    if (!this.isLinked || !this.prior?.picture || !this.current.picture) return;
    this.#panes().filter((other) => other !== pane)
      .forEach((other) => other.follow(pane.placement.relative()));
  }

  /** Brings buttons and lists in line with the active pane. */
  changed() {
    this.#mark();
    const list = this.presetList.querySelector('select');
    if (!this.active.picture) return;
    if (this.presetsOf !== this.active.picture) {
      fillOptions(list, [['', this.t('film.preset.own')],
        ...this.active.presets.map((preset) => [preset.id, this.#presetText(preset)])]);
      this.presetsOf = this.active.picture;
    }
    list.value = this.active.preset;
  }

  #presetText({ id, name, number }) {
    if (!id.startsWith('device')) return this.t(`film.preset.${id}`);
    return this.t('film.preset.device', { name: this.#windowName(name) || number });
  }

  /** A device's name for its window, in words where it is a usual one. */
  #windowName(name) {
    const key = `film.window.${(name || '').toLowerCase().replace(/[^a-z]/g, '')}`;
    const words = this.t(key);
    return words === key ? name : words;
  }

  #mark() {
    for (const [name, node] of Object.entries(this.toolButtons)) setPressed(node, name === this.toolName);
    if (this.linkButton) setPressed(this.linkButton, this.isLinked);
    this.#panes().forEach((pane) => {
      pane.root.classList.toggle('qj-active', pane === this.active && Boolean(this.prior));
      pane.root.dataset.tool = this.toolName;
    });
    this.hint.textContent = this.#toolHint();
  }

  #toolHint() {
    if (this.toolName !== 'ctr' || !this.active?.picture) return '';
    if (isLateral(this.active.facts)) return this.t('film.ctr.lateral');
    return this.t(this.active.measures.openRatio() ? 'film.ctr.step_chest' : 'film.ctr.step_heart');
  }

  /** Runs a tool-bar action on the active pane. */
  act(name) {
    if (name === 'help') {
      this.help.hidden = !this.help.hidden;
      return;
    }
    if (name === 'link') {
      this.isLinked = !this.isLinked;
      this.moved(this.active);
    }
    const { active: pane } = this;
    if (!pane.picture) return;
    const acts = { remove: () => pane.removeMeasures(), clear: () => pane.removeMeasures({ all: true }),
      undo: () => pane.undoMeasure(), invert: () => pane.invert(),
      zoomin: () => pane.zoom(ZOOM_STEP), zoomout: () => pane.zoom(1 / ZOOM_STEP), fit: () => pane.fit(),
      one: () => pane.actualPixels(), rotate: () => pane.rotate(), reset: () => pane.reset() };
    acts[name]?.();
    pane.redraw();
    this.changed();
  }

  #shortcuts() {
    const { t } = this;
    const tools = TOOLS.map(([name, key]) => [key, t(`film.tool.${name}.title`)]);
    const acts = [['I', 'invert'], ['R', 'rotate'], ['+', 'zoomin'], ['-', 'zoomout'], ['F', 'fit'],
      ['1', 'one'], ['0', 'reset'], ['Del', 'remove'], ['Z', 'undo'], ['Shift+Del', 'clear']].map(([key, name]) => [key, t(`film.${name}.title`)]);
    return [...tools, ['A', t('film.preset.auto')], ...acts, ['M', t('map.off.title')],
      ['K', t('film.link.title')], ['↑ ↓', t('film.keys.centre')], ['← →', t('film.keys.width')],
      [t('film.keys.right_drag'), t('film.keys.window')], [t('film.keys.wheel'), t('film.keys.zoom')],
      [t('film.keys.two_fingers'), t('film.keys.pinch')], ['Esc', t('close')]];
  }

  #key(event) {
    if (isTyping(event) && !isUndo(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const tool = TOOLS.find(([, letter]) => letter.toLowerCase() === key);
    const acts = { i: 'invert', r: 'rotate', '+': 'zoomin', '=': 'zoomin', '-': 'zoomout', f: 'fit',
      1: 'one', 0: 'reset', z: 'undo', k: 'link', '?': 'help' };
    if (key === 'Delete' || key === 'Backspace') acts[key] = event.shiftKey ? 'clear' : 'remove';
    if (tool) this.setTool(tool[0]);
    else if (key === 'Escape') this.#escape();
    else if (key === 'a' && this.active.picture) this.active.applyPreset('auto');
    else if (key === 'm' && this.mapList) this.showMap('');
    else if (key.startsWith('Arrow')) this.#nudge(key, event.shiftKey);
    else if (acts[key]) this.act(acts[key]);
    else return;
    event.preventDefault();
  }

  #escape() {
    if (!this.help.hidden) this.help.hidden = true;
    else this.setTool('window');
  }

  #nudge(key, fine) {
    if (!this.active.picture) return;
    const { window: { centre, width }, picture } = this.active;
    const step = Math.max((picture.high - picture.low) / 100, picture.minWidth) * (fine ? 0.1 : 1);
    const [dc, dw] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    this.active.setWindow(centre + dc * step, width + dw * step);
  }

  // What tests and pages may ask; coordinates are picture pixels, column first.

  getWindow() {
    return { centre: this.active.window.centre, width: this.active.window.width };
  }

  setWindow(centre, width) {
    this.active.setWindow(centre, width);
    this.active.drawNow();
  }

  valueAt(x, y) {
    return this.active.picture.valueAt(x, y);
  }

  /** Grey on the screen (0–255) over a picture position, or null when it is out of sight. */
  greyAt(x, y, pane = this.active) {
    const [u, v] = pane.placement.toPane([x, y]).map((value) => Math.floor(value * pane.paintRatio));
    if (u < 0 || v < 0 || u >= pane.canvas.width || v >= pane.canvas.height) return null;
    return pane.painter.context.getImageData(u, v, 1, 1).data[0];
  }

  /** Position in the browser window of a picture position. */
  clientPoint(x, y, pane = this.active) {
    const box = pane.overlay.getBoundingClientRect();
    const [u, v] = pane.placement.toPane([x, y]);
    return [box.left + u, box.top + v];
  }

  measureLength(from, to) {
    const { measure } = this.active.measures.begin('length', from);
    measure.segments[0].b = to;
    return this.#finished(measure);
  }

  measureRatio(heart, chest) {
    for (const [from, to] of [heart, chest]) this.active.measures.begin('ctr', from).segment.b = to;
    return this.#finished(this.active.measures.list.find((measure) => measure.kind === 'ctr'));
  }

  #finished(measure) {
    this.active.report(measure);
    this.active.drawNow();
    return this.active.measures.result(measure, this.active.facts);
  }

  measures() {
    return this.active.measures.results(this.active.facts);
  }

  state() {
    const { active: pane } = this;
    return { ...this.getWindow(), preset: pane.preset, edges: pane.edges.map((edge) => edge.textContent), inverted: pane.inverted, turns: pane.placement.turns,
      scale: pane.placement.scale, tool: this.toolName, map: this.current.map?.label || '',
      prior: Boolean(this.prior?.picture), linked: this.isLinked, frameMs: pane.painter.lastMs };
  }

  /** PNG (data URL) of the active film with its measures, never with the AI map. */
  screenshot() {
    const { active: pane } = this;
    const copy = el('canvas', { width: pane.overlay.width, height: pane.overlay.height });
    const context = copy.getContext('2d');
    pane.drawNow();
    context.drawImage(pane.canvas, 0, 0, copy.width, copy.height);
    context.setTransform(pane.ratio, 0, 0, pane.ratio, 0, 0);
    pane.measures.draw(context, pane.placement, pane.facts);
    return copy.toDataURL('image/png');
  }
}
