/** What both viewers share: texts, elements, icons, loading with progress, panels. */

const STYLE_URL = new URL('./viewer.css', import.meta.url).href;

/** Reason why something could not be shown, as a text key with its values. */
export class LoadError extends Error {
  constructor(key, params = {}) {
    super(key);
    this.key = key;
    this.params = params;
  }
}

/** Lets the shortcuts work as soon as the pointer is over a viewer, unless something else has focus. */
export function focusOnEntry(root) {
  root.addEventListener('pointerenter', () => {
    if (document.activeElement === document.body) root.focus({ preventScroll: true });
  });
}

/** Puts the viewers' style sheet into the page once. */
export function ensureStyles() {
  if ([...document.querySelectorAll('link')].some((link) => link.href === STYLE_URL)) return;
  document.head.append(el('link', { rel: 'stylesheet', href: STYLE_URL }));
}

/** Function from key and values to text in one language; an unknown key shows itself. */
export function translator(texts, lang) {
  const table = (texts && texts[lang]) || {};
  return (key, params = {}) =>
    (table[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);
}

/** Makes an element: properties, `on*` listeners, `data`/`aria-*`/`role` attributes, children. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(node.dataset, value);
    else if (name in node && !name.startsWith('aria')) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const ICONS = {
  window: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14',
  pan: 'M10 2v16M2 10h16M7 5l3-3 3 3M7 15l3 3 3-3M5 7l-3 3 3 3M15 7l3 3-3 3',
  length: 'M3 13L13 3l4 4L7 17zM6 10l2 2M9 7l2 2',
  ctr: 'M4 16V6a6 6 0 0 1 12 0v10M7 11h6M7 9v4M13 9v4',
  zoomin: 'M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M12.5 12.5L17 17M8.5 6v5M6 8.500h5',
  zoomout: 'M8.5 3a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M12.5 12.5L17 17M6 8.5h5',
  fit: 'M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4',
  one: 'M5 6l2-1v10M13 6l2-1v10M10 8v.5M10 12v.5',
  invert: 'M4 4h12v12H4zM4 16L16 4M9 16h7V9z',
  rotate: 'M15.500 8A6 6 0 1 0 16 11M16 3v5h-5',
  reset: 'M4.500 8A6 6 0 1 1 4 11M4 3v5h5',
  march: 'M4 3v14M8 3v14M12 3v14M16 3v14',
  undo: 'M7 4L3 8l4 4M3 8h9a5 5 0 0 1 0 10H8',
  remove: 'M5 5l10 10M15 5L5 15',
  clear: 'M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11',
  map: 'M10 3a4 4 0 0 0-4 4c0 3 4 5 4 9c0-4 4-6 4-9a4 4 0 0 0-4-4M3 17h14',
  prior: 'M3 4h6v12H3zM11 4h6v12h-6z',
  link: 'M8 12l4-4M7 9l-2 2a3 3 0 0 0 4 4l2-2M13 11l2-2a3 3 0 0 0-4-4L9 7',
  help: 'M7.500 7.500a2.500 2.500 0 1 1 3.500 2.300c-.8.4-1 .9-1 1.700M10 14.500v.5',
  layout: 'M3 4h14v12H3zM3 8h14M3 12h14M8 4v12M13 4v8',
  filter: 'M2 12c2 0 2-6 4-6s2 8 4 8s2-8 4-8s2 6 4 6',
  caliper: 'M5 3v14M15 3v14M5 10h10M7.500 7.500L5 10l2.500 2.500M12.500 7.500L15 10l-2.500 2.500',
  peaks: 'M2 13h4l2-9 2 12 2-5h6M8 2v.5',
  values: 'M4 4h12v12H4zM4 8h12M4 12h12M9 4v12',
  ruler: 'M2 7h16v6H2zM5 7v3M8 7v2M11 7v3M14 7v2',
};

/** Line drawing of an icon, hidden from screen readers (the button carries the words). */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Tool-bar button; `pressed` given makes it a toggle. */
export function button({ name, label, title, pressed, onclick }) {
  const node = el('button', { type: 'button', className: 'qj-button', title: title || label, onclick },
    icon(name), el('span', {}, label));
  node.setAttribute('aria-label', title || label);
  node.dataset.action = name;
  if (pressed !== undefined) setPressed(node, pressed);
  return node;
}

/** Shows a toggle's state. */
export function setPressed(node, pressed) {
  node.setAttribute('aria-pressed', String(Boolean(pressed)));
}

/** Labelled drop-down; `options` are [value, text] pairs. */
export function select({ label, name, options, value, onchange }) {
  const list = el('select', { title: label, 'aria-label': label, data: { action: name },
    onchange: () => onchange(list.value) });
  fillOptions(list, options, value);
  return el('label', { className: 'qj-select' }, el('span', {}, label), list);
}

/** Replaces the options of a drop-down. */
export function fillOptions(list, options, value) {
  list.replaceChildren(...options.map(([key, text]) => el('option', { value: key }, text)));
  if (value !== undefined) list.value = value;
}

/** A row of related controls. */
export function group(...children) {
  return el('div', { className: 'qj-group', role: 'group' }, ...children);
}

/** Asks the server; any other answer than 2xx becomes a LoadError with its reason. */
async function ask(url, signal) {
  let response;
  try {
    response = await fetch(url, { credentials: 'same-origin', signal });
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new LoadError('error.network');
  }
  if (response.ok) return response;
  const known = { 401: 'error.signed_out', 403: 'error.not_permitted', 404: 'error.not_found' };
  throw new LoadError(known[response.status] || 'error.server', { status: response.status });
}

/** JSON document of a URL. */
export async function fetchJson(url, signal) {
  const response = await ask(url, signal);
  try {
    return await response.json();
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new LoadError('error.not_readable');
  }
}

/** A link that brings nothing for so long is down, whatever the browser believes. */
const STALL_MS = 45000;

/** Next piece of an answer, or a LoadError when none comes. */
async function nextPiece(reader) {
  let timer;
  const stalled = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new LoadError('error.network')), STALL_MS);
  });
  try {
    return await Promise.race([reader.read(), stalled]);
  } finally {
    clearTimeout(timer);
  }
}

/** The response itself, for pictures with headers. */
export async function fetchResponse(url, signal) {
  return ask(url, signal);
}

/**
 * Bytes of a URL with progress from 0 to 1; `expected` null accepts any length.
 * Counts after content decoding, so a compressed answer shows true progress.
 */
export async function fetchBytes(url, { expected, signal, onprogress }) {
  const response = await ask(url, signal);
  const reader = response.body.getReader();
  const pieces = [];
  let received = 0;
  try {
    for (let piece = await nextPiece(reader); !piece.done; piece = await nextPiece(reader)) {
      pieces.push(piece.value);
      received += piece.value.length;
      if (expected) onprogress?.(Math.min(1, received / expected));
    }
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    reader.cancel().catch(() => undefined); // already broken: nothing more to say
    throw new LoadError('error.network');
  }
  if (expected && received !== expected) {
    throw new LoadError('error.incomplete', { expected, actual: received });
  }
  const bytes = new Uint8Array(received);
  pieces.reduce((at, piece) => { bytes.set(piece, at); return at + piece.length; }, 0);
  return bytes.buffer;
}

/** Panel over a stage that shows progress, or an error with a button to try again. */
export class StatusPanel {
  constructor(t) {
    this.t = t;
    this.root = el('div', { className: 'qj-status', role: 'status', 'aria-live': 'polite' });
    this.hide();
  }

  hide() {
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  progress(fraction) {
    if (!this.bar?.isConnected) {
      this.bar = el('progress', { max: 1 });
      this.words = el('span');
      this.root.replaceChildren(this.words, this.bar);
      this.root.classList.remove('qj-failed');
    }
    this.root.hidden = false;
    this.bar.value = fraction;
    this.words.textContent = this.t('loading', { percent: Math.round(fraction * 100) });
  }

  message(text) {
    this.root.hidden = false;
    this.root.replaceChildren(el('span', {}, text));
  }

  failed(fault, retry) {
    const text = fault instanceof LoadError
      ? this.t(fault.key, fault.params) : this.t('error.unexpected', { reason: String(fault) });
    this.root.hidden = false;
    this.root.classList.add('qj-failed');
    this.root.replaceChildren(el('strong', {}, this.t('error.heading')), el('span', {}, text),
      el('button', { type: 'button', className: 'qj-button qj-retry', onclick: retry },
        icon('reset'), el('span', {}, this.t('retry'))));
  }
}

/** States that a map is an AI hint, for what, and what its colours mean. */
export function mapNotice(notice, t, labels, label) {
  const text = (labels || []).find(({ id }) => id === label)?.text || label;
  notice.replaceChildren(el('span', {}, t('map.notice', { label: text })),
    el('span', { className: 'qj-legend' }, t('map.weak'), el('i', { className: 'qj-scale' }), t('map.strong')));
  notice.hidden = false;
}

/** Panel of keyboard shortcuts; rows are [keys, text]. */
export function helpPanel(t, rows) {
  const table = el('table', {}, el('tbody', {}, ...rows.map(([keys, text]) =>
    el('tr', {}, el('th', {}, el('kbd', {}, keys)), el('td', {}, text)))));
  const panel = el('div', { className: 'qj-panel qj-help', role: 'dialog', hidden: true,
    'aria-label': t('help.heading') });
  const close = el('button', { type: 'button', className: 'qj-button', title: t('close'),
    onclick: () => { panel.hidden = true; } }, t('close'));
  panel.append(el('h3', {}, t('help.heading')), table, close);
  return panel;
}

/** Runs a function at most once a frame. */
export function oncePerFrame(run) {
  let waiting = 0;
  return () => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; run(); });
  };
}

/** Tells the page something; the event bubbles out of the component. */
export function announce(element, name, detail) {
  element.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
}

/** True when a key press belongs to a control in the viewer, not to the viewer. */
export function isTyping(event) {
  return /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey
    || event.altKey;
}

/** True for Ctrl+Z outside of a text. */
export function isUndo(event) {
  return (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z'
    && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
}

/** Date and time as recorded, without seconds fractions and zone. */
export function shownTime(text) {
  return text ? String(text).replace('T', ' ').slice(0, 16) : '';
}

/** What names the loaded content: same signature, nothing to reload. */
export function signature(props) {
  return JSON.stringify([props.lang, props.items || [], props.prior || []]);
}
