/** One film as stored: full-depth values, grey-scale pipeline, histogram, pyramid. */

import { fetchBytes, fetchJson, LoadError } from './viewer_common.js';

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array };
/** Shares of the histogram (dark to bright) that the computed presets span. */
const PRESET_SHARES = { auto: [0.005, 0.995], lung: [0.01, 0.7], mediastinum: [0.35, 0.998] };
/** Fewer grey values than this are not worth a lung or mediastinum preset. */
const MIN_LEVELS_FOR_REGIONS = 64;

/** Stored values of a film with everything needed to show and measure them. */
export class FilmPicture {
  constructor(facts, buffer) {
    this.facts = facts;
    this.rows = facts.rows;
    this.columns = facts.columns;
    this.stored = new ARRAYS[facts.dtype](buffer);
    this.offset = facts.dtype === 'int16' ? 32768 : 0;
    this.entries = facts.dtype === 'uint8' ? 256 : 65536;
    this.levels = [{ array: this.stored, rows: this.rows, columns: this.columns }];
    this.values = this.#valueTable();
    this.#countValues();
  }

  /** Loads description and pixels; progress runs from 0 to 1. */
  static async load(url, { signal, onprogress }) {
    const facts = await fetchJson(`${url}/film`, signal);
    if (!ARRAYS[facts.dtype]) throw new LoadError('error.not_readable');
    const expected = facts.rows * facts.columns * ARRAYS[facts.dtype].BYTES_PER_ELEMENT;
    const buffer = await fetchBytes(`${url}/pixels`, { expected, signal, onprogress });
    return new FilmPicture(facts, buffer);
  }

  /** Stored value of pixel (column x, row y), or null outside. */
  storedAt(x, y) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const inside = column >= 0 && row >= 0 && column < this.columns && row < this.rows;
    return inside ? this.stored[row * this.columns + column] : null;
  }

  /** Modality value of pixel (column x, row y), or null outside. */
  valueAt(x, y) {
    const stored = this.storedAt(x, y);
    return stored === null ? null : this.values[stored + this.offset];
  }

  /** Height over width of a stored pixel. */
  get aspect() {
    const spacing = this.facts.spacing_mm;
    return spacing && spacing[0] > 0 && spacing[1] > 0 ? spacing[0] / spacing[1] : 1;
  }

  /** Modality value of every possible stored value (PS3.3 C.11.1). */
  #valueTable() {
    const { slope, intercept, modality_lut: lut } = this.facts;
    const table = new Float64Array(this.entries);
    for (let index = 0; index < this.entries; index += 1) {
      const stored = index - this.offset;
      table[index] = lut ? lookUp(lut, stored) : stored * slope + intercept;
    }
    return table;
  }

  #countValues() {
    const counts = new Uint32Array(this.entries);
    for (let at = 0; at < this.stored.length; at += 1) counts[this.stored[at] + this.offset] += 1;
    const used = [...counts.keys()].filter((index) => counts[index] > 0);
    this.span = [used[0], used.at(-1)];
    used.sort((one, other) => this.values[one] - this.values[other]);
    this.counts = counts;
    this.order = used; // indices of values present, by rising modality value
    this.low = this.values[used[0]];
    this.high = this.values[used[used.length - 1]];
  }

  /** Modality value below which a share of the pixels lies; padding at the ends is left out. */
  percentile(share) {
    const inner = this.order.length > 4 ? this.order.slice(1, -1) : this.order;
    const total = inner.reduce((sum, index) => sum + this.counts[index], 0);
    let seen = 0;
    for (const index of inner) {
      seen += this.counts[index];
      if (seen >= share * total) return this.values[index];
    }
    return this.high;
  }

  /** Presets that make sense for this film: [{id, name?, window}]. */
  presets() {
    const found = [];
    if (this.facts.voi_lut) found.push({ id: 'voi', window: { ...this.#lutWindow(), lut: true } });
    (this.facts.windows || []).forEach((window, at) => found.push({
      id: `device${at}`, number: at + 1, name: window.name,
      window: { centre: window.centre, width: window.width },
    }));
    found.push({ id: 'auto', window: this.#shareWindow('auto') });
    if (this.order.length >= MIN_LEVELS_FOR_REGIONS) {
      found.push({ id: 'lung', window: this.#shareWindow('lung') });
      found.push({ id: 'mediastinum', window: this.#shareWindow('mediastinum') });
    }
    found.push({ id: 'full', window: spanWindow(this.low, this.high) });
    return found;
  }

  #shareWindow(name) {
    const shares = PRESET_SHARES[name];
    const [from, to] = this.facts.monochrome1 ? [1 - shares[1], 1 - shares[0]] : shares;
    return spanWindow(this.percentile(from), this.percentile(to));
  }

  #lutWindow() {
    const { first, table } = this.facts.voi_lut;
    return spanWindow(first, first + table.length - 1);
  }

  /** Smallest window width that still separates two neighbouring stored values. */
  get minWidth() {
    return this.facts.modality_lut ? 1 : Math.abs(this.facts.slope);
  }

  /**
   * Opaque grey canvas word of every stored value: VOI LUT or window, then polarity and inversion.
   * Values that the film does not hold can turn up between two that it does, so the whole span is filled.
   */
  greys(window, inverted) {
    const greys = new Uint32Array(this.entries);
    const flip = Boolean(this.facts.monochrome1) !== Boolean(inverted);
    const shade = window.lut ? this.#lutShade() : linearShade(window);
    const [first, last] = this.span;
    for (let index = first; index <= last; index += 1) {
      const grey = Math.round(shade(this.values[index]) * 255);
      greys[index] = 0xff000000 | ((flip ? 255 - grey : grey) * 0x10101);
    }
    return greys;
  }

  #lutShade() {
    const { voi_lut: lut } = this.facts;
    const top = lut.table.reduce((most, entry) => Math.max(most, entry), 1);
    return (value) => lookUp(lut, Math.round(value)) / top;
  }

  /** Level of the pyramid whose pixels are at most twice as dense as the screen's. */
  levelFor(screenPixelsPerPixel) {
    const wanted = Math.max(0, Math.floor(Math.log2(1 / screenPixelsPerPixel)));
    while (this.levels.length <= wanted) {
      const last = this.levels[this.levels.length - 1];
      if (Math.min(last.rows, last.columns) < 4) break;
      this.levels.push(halved(last, ARRAYS[this.facts.dtype]));
    }
    const at = Math.min(wanted, this.levels.length - 1);
    return { ...this.levels[at], factor: 2 ** at };
  }
}

function lookUp(lut, value) {
  const at = Math.min(lut.table.length - 1, Math.max(0, value - lut.first));
  return lut.table[at];
}

function spanWindow(low, high) {
  const width = Math.max(1, high - low + 1);
  return { centre: low + width / 2, width };
}

/** Window function of PS3.3 C.11.2.1.2.1; below a width of 1 the exact form of C.11.2.1.3.2. */
function linearShade({ centre, width }) {
  const clamp = (share) => Math.min(1, Math.max(0, share));
  if (width <= 1) return (value) => clamp((value - centre) / width + 0.5);
  return (value) => clamp((value - (centre - 0.5)) / (width - 1) + 0.5);
}

function halved({ array, rows, columns }, ArrayType) {
  const [newRows, newColumns] = [rows >> 1, columns >> 1];
  const result = new ArrayType(newRows * newColumns);
  for (let row = 0; row < newRows; row += 1) {
    let from = 2 * row * columns;
    const to = row * newColumns;
    for (let column = 0; column < newColumns; column += 1, from += 2) {
      result[to + column] = Math.round((array[from] + array[from + 1]
        + array[from + columns] + array[from + columns + 1]) / 4);
    }
  }
  return { array: result, rows: newRows, columns: newColumns };
}
