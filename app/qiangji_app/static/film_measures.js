/** Lengths and cardiothoracic ratio on a film: geometry, wording, drawing. */

const HANDLE_RADIUS = 5;
const SLIP = 4; // screen pixels; a shorter segment is a slip of the hand
const KEPT_STEPS = 50; // that can be undone
const COLOURS = { length: '#ffd54a', heart: '#ff8a80', chest: '#80d8ff' };
/** Patient Position or Orientation Modifier values that mean lying down (PS3.3 C.7.3.1.1.2). */
const LYING = /^(HF|FF)(S|P|DL|DR)$|SUPINE|RECUMBENT|PRONE|DECUBITUS/i;

/** True when the heart looks too wide for reasons of projection. */
export function isApOrSupine(facts) {
  return facts.view === 'AP' || LYING.test(facts.patient_position || '');
}

/** True when the cardiothoracic ratio means nothing on this view. */
export function isLateral(facts) {
  return facts.view === 'LL' || facts.view === 'lateral';
}

/** Distance of two picture positions: {value, unit}, millimetres only where the file allows. */
export function distance(facts, [x1, y1], [x2, y2]) {
  const spacing = facts.spacing_mm;
  if (!spacing || facts.spacing_kind === 'none') {
    return { value: Math.hypot(x2 - x1, y2 - y1), unit: 'px' };
  }
  const value = Math.hypot((x2 - x1) * spacing[1], (y2 - y1) * spacing[0]);
  return { value, unit: facts.spacing_kind === 'calibrated' ? 'mm' : 'mm_detector' };
}

/** True when heart and chest cannot both be where they were drawn: across each other, or the heart outside. */
function isImpossible(heart, chest) {
  const along = ({ a, b }) => (Math.abs(a[0] - b[0]) >= Math.abs(a[1] - b[1]) ? 0 : 1);
  const axis = along(chest);
  const span = ({ a, b }) => [Math.min(a[axis], b[axis]), Math.max(a[axis], b[axis])];
  const [inner, outer] = [span(heart), span(chest)];
  return along(heart) !== axis || inner[0] < outer[0] || inner[1] > outer[1];
}

/** Measures of one film, each a list of segments with picture positions; every step can be undone. */
export class Measures {
  constructor(t) {
    this.t = t;
    this.clear();
  }

  /** Forgets everything, as for another film. */
  clear() {
    this.list = [];
    this.past = [];
    this.chosen = -1; // place of the measure that was touched last
  }

  get selected() {
    return this.list[this.chosen] || this.list.at(-1);
  }

  #remember() {
    this.past = [...this.past, JSON.stringify([this.list, this.chosen])].slice(-KEPT_STEPS);
  }

  /** Takes the last step back; false when there is none. */
  undo() {
    if (!this.past.length) return false;
    [this.list, this.chosen] = JSON.parse(this.past.pop());
    return true;
  }

  /** Removes the measure touched last, or all; false when there was none. */
  remove({ all = false } = {}) {
    if (!this.list.length) return false;
    this.#remember();
    this.list = all ? [] : this.list.filter((item) => item !== this.selected);
    this.chosen = -1;
    return true;
  }

  /** Starts a segment and returns the handle being dragged. */
  begin(kind, at) {
    this.#remember();
    const open = this.openRatio();
    const segment = { role: kind === 'length' ? kind : open ? 'chest' : 'heart', a: at, b: at };
    let measure = { kind, segments: [segment] };
    if (kind === 'ctr' && open) {
      open.segments.push(segment);
      measure = open;
    } else this.list = [...this.list.filter((item) => kind !== 'ctr' || item.kind !== 'ctr'), measure];
    this.chosen = this.list.indexOf(measure);
    return { measure, segment, end: 'b' };
  }

  /** Takes an existing end in hand. */
  take(handle) {
    this.#remember();
    this.chosen = this.list.indexOf(handle.measure);
    return handle;
  }

  /** The ratio that still lacks its chest extent, if any. */
  openRatio() {
    return this.list.find((item) => item.kind === 'ctr' && item.segments.length === 1);
  }

  /** Moves a dragged end; extents of the ratio stay horizontal on the screen. */
  drag({ measure, segment, end }, at, placement) {
    segment[end] = at;
    if (measure.kind !== 'ctr') return;
    const other = end === 'a' ? 'b' : 'a';
    const axis = placement.turns % 2 ? 0 : 1;
    segment[other] = segment[other].map((value, index) => (index === axis ? at[axis] : value));
  }

  /** Ends a drag; a segment no longer than a slip of the hand undoes it. */
  finish({ segment }, placement) {
    const [a, b] = [placement.toPane(segment.a), placement.toPane(segment.b)];
    if (Math.hypot(a[0] - b[0], a[1] - b[1]) >= SLIP) return true;
    this.undo();
    return false;
  }

  /** Handle near a pane position, or null. */
  hit([u, v], placement, reach) {
    for (const measure of [...this.list].reverse()) {
      for (const segment of measure.segments) {
        for (const end of ['a', 'b']) {
          const [x, y] = placement.toPane(segment[end]);
          if (Math.hypot(x - u, y - v) <= reach) return { measure, segment, end };
        }
      }
    }
    return null;
  }

  /** Result of a measure for the page and the report, or null while it is incomplete. */
  result(measure, facts) {
    if (measure.kind === 'length') {
      const [{ a, b }] = measure.segments;
      const { value, unit } = distance(facts, a, b);
      return { kind: 'length', value, unit, from: a, to: b, warning: '',
        text: this.t(`film.length.${unit}`, { value: value.toFixed(unit === 'px' ? 0 : 1) }) };
    }
    if (measure.segments.length < 2) return null;
    if (isImpossible(...measure.segments)) return { kind: 'ctr', value: null, warning: this.t('film.ctr.impossible'), text: '' };
    const [heart, chest] = measure.segments.map(({ a, b }) => distance(facts, a, b).value);
    const ratio = heart / chest;
    return { kind: 'ctr', value: ratio, unit: '1', heart, chest, warning: this.#ratioWarning(facts),
      text: this.t('film.ctr.result', { ratio: ratio.toFixed(2) }) };
  }

  #ratioWarning(facts) {
    if (isApOrSupine(facts)) return this.t('film.ctr.ap_supine');
    return facts.view === 'PA' ? '' : this.t('film.ctr.view_unknown');
  }

  /** Results of all complete measures. */
  results(facts) {
    return this.list.map((measure) => this.result(measure, facts)).filter((result) => result && result.value !== null);
  }

  /** Draws lines, handles and wording in pane coordinates. */
  draw(context, placement, facts) {
    context.font = '600 13px "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
    for (const measure of this.list) {
      for (const segment of measure.segments) drawSegment(context, placement, segment, measure === this.selected);
      const { a, b } = measure.segments.at(-1);
      const [one, other] = [placement.toPane(a), placement.toPane(b)];
      const at = one[0] > other[0] ? one : other;
      this.#label(context, measure, facts, at, placement);
    }
  }

  #label(context, measure, facts, [u, v], placement) {
    const result = this.result(measure, facts);
    const lines = result ? [result.text, result.warning].filter(Boolean) : [this.t('film.ctr.heart_set')];
    const width = Math.max(...lines.map((line) => context.measureText(line).width)) + 12;
    const left = Math.max(4, Math.min(u + 10, placement.width - width - 4));
    const top = Math.max(4, Math.min(v + 8, placement.height - lines.length * 19 - 10));
    context.fillStyle = 'rgba(0, 0, 0, 0.78)';
    context.fillRect(left, top, width, lines.length * 19 + 6);
    lines.forEach((line, at) => {
      context.fillStyle = line === result?.warning ? '#ffb74d' : '#ffffff';
      context.fillText(line, left + 6, top + 17 + at * 19);
    });
  }
}

/** Line with a ring at each end, filled while the measure is the one that Delete removes. */
function drawSegment(context, placement, { role, a, b }, isSelected) {
  const [one, other] = [placement.toPane(a), placement.toPane(b)];
  for (const [colour, width] of [['rgba(0, 0, 0, 0.7)', 4], [COLOURS[role], 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...one);
    context.lineTo(...other);
    for (const [u, v] of [one, other]) {
      context.moveTo(u + HANDLE_RADIUS, v);
      context.arc(u, v, HANDLE_RADIUS, 0, 2 * Math.PI);
    }
    context.stroke();
  }
  if (!isSelected) return;
  context.fillStyle = COLOURS[role];
  for (const [u, v] of [one, other]) {
    context.beginPath();
    context.arc(u, v, 2, 0, 2 * Math.PI);
    context.fill();
  }
}
