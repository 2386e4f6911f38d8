/** Where a film lies on the screen, and the painting of its visible part through a grey table. */

/** From this zoom on stored pixels are shown as squares, as recorded. */
const SQUARES_FROM = 8;
const MAX_ZOOM = 40;

/** Position of a picture in a pane: centre in picture pixels, zoom, quarter turns. */
export class Placement {
  constructor() {
    this.width = 1; // pane, CSS pixels
    this.height = 1;
    this.turns = 0;
    this.scale = 1; // CSS pixels per picture column
    this.centre = [0, 0];
  }

  /** Takes a picture's size and shows it whole. */
  adopt(picture) {
    this.picture = picture;
    this.fit();
  }

  get fitScale() {
    const tall = this.picture.rows * this.picture.aspect;
    const [across, down] = this.turns % 2 ? [tall, this.picture.columns] : [this.picture.columns, tall];
    return Math.min(this.width / across, this.height / down);
  }

  fit() {
    this.scale = this.fitScale;
    this.centre = [this.picture.columns / 2, this.picture.rows / 2];
  }

  /** Rotation matrix of the quarter turns, clockwise. */
  get #turn() {
    return [[1, 0, 0, 1], [0, -1, 1, 0], [-1, 0, 0, -1], [0, 1, -1, 0]][this.turns];
  }

  /** Pane position (CSS pixels) of a picture position. */
  toPane([x, y]) {
    const [a, b, c, d] = this.#turn;
    const dx = (x - this.centre[0]) * this.scale;
    const dy = (y - this.centre[1]) * this.scale * this.picture.aspect;
    return [this.width / 2 + a * dx + b * dy, this.height / 2 + c * dx + d * dy];
  }

  /** Picture position of a pane position. */
  toPicture([u, v]) {
    const [a, b, c, d] = this.#turn;
    const [du, dv] = [u - this.width / 2, v - this.height / 2];
    return [this.centre[0] + (a * du + c * dv) / this.scale,
      this.centre[1] + (b * du + d * dv) / this.scale / this.picture.aspect];
  }

  /** Zooms so that the picture position under a pane position stays there. */
  zoomAt([u, v], factor) {
    const before = this.toPicture([u, v]);
    const least = Math.min(1, this.fitScale) / 4;
    const most = Math.max(MAX_ZOOM, 4 * this.fitScale); // a tiny film is shown whole above any usual zoom
    this.scale = Math.min(most, Math.max(least, this.scale * factor));
    const after = this.toPicture([u, v]);
    this.centre = [this.centre[0] + before[0] - after[0], this.centre[1] + before[1] - after[1]];
  }

  /** Moves the picture by pane pixels; its centre never leaves the film. */
  moveBy(du, dv) {
    const from = this.toPicture([0, 0]);
    const to = this.toPicture([du, dv]);
    const limits = [this.picture.columns, this.picture.rows];
    this.centre = this.centre.map((value, axis) =>
      Math.min(limits[axis], Math.max(0, value + from[axis] - to[axis])));
  }

  /** Zoom and centre relative to the whole film, to be repeated on another one. */
  relative() {
    return { zoom: this.scale / this.fitScale,
      centre: [this.centre[0] / this.picture.columns, this.centre[1] / this.picture.rows] };
  }

  follow({ zoom, centre }) {
    this.scale = this.fitScale * zoom;
    this.centre = [centre[0] * this.picture.columns, centre[1] * this.picture.rows];
  }

  /** Sets a drawing context so that picture coordinates land on the pane. */
  applyTo(context, ratio) {
    const origin = this.toPane([0, 0]);
    const right = this.toPane([1, 0]);
    const down = this.toPane([0, 1]);
    context.setTransform(ratio * (right[0] - origin[0]), ratio * (right[1] - origin[1]),
      ratio * (down[0] - origin[0]), ratio * (down[1] - origin[1]),
      ratio * origin[0], ratio * origin[1]);
  }
}

/** Paints a film's visible part into a canvas through a table from stored value to grey. */
export class FilmPainter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.lastMs = 0;
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = this.context.createImageData(width, height);
    this.out = new Uint32Array(this.image.data.buffer);
  }

  paint(picture, placement, greys, ratio) {
    const started = performance.now();
    const level = picture.levelFor(placement.scale * ratio);
    const steps = this.#steps(placement, level.factor, ratio);
    const run = placement.scale >= SQUARES_FROM ? paintSquares : paintSmooth;
    this.out.fill(0xff000000);
    run(this.out, this.canvas.width, this.canvas.height, level, greys, picture.offset, steps);
    this.context.putImageData(this.image, 0, 0);
    this.lastMs = performance.now() - started;
  }

  /** Position in the level of the first canvas pixel's centre, and its change per pixel. */
  #steps(placement, factor, ratio) {
    const at = (u, v) => placement.toPicture([u / ratio, v / ratio]).map((value) => value / factor);
    const [start, right, down] = [at(0.5, 0.5), at(1.5, 0.5), at(0.5, 1.5)];
    return { x: start[0], y: start[1], ux: right[0] - start[0], uy: right[1] - start[1],
      vx: down[0] - start[0], vy: down[1] - start[1] };
  }
}

/** First and one-past-last pixel of a canvas row for which the position lies inside the level. */
function rowSpan(x, y, { ux, uy }, { rows, columns }, width) {
  let [first, end] = [0, width];
  for (const [start, step, size] of [[x, ux, columns], [y, uy, rows]]) {
    if (Math.abs(step) < 1e-12) {
      if (start < 0 || start >= size) return [0, 0];
      continue;
    }
    const [one, other] = [-start / step, (size - start) / step];
    first = Math.max(first, Math.ceil(Math.min(one, other)));
    end = Math.min(end, Math.floor(Math.max(one, other)) + 1);
  }
  return [first, Math.max(first, end)];
}

function paintSquares(out, width, height, level, words, offset, s) {
  const { array, columns, rows } = level;
  for (let v = 0; v < height; v += 1) {
    const [x0, y0] = [s.x + v * s.vx, s.y + v * s.vy];
    const [first, end] = rowSpan(x0, y0, s, level, width);
    for (let u = first; u < end; u += 1) {
      const column = Math.min(columns - 1, Math.max(0, Math.floor(x0 + u * s.ux)));
      const row = Math.min(rows - 1, Math.max(0, Math.floor(y0 + u * s.uy)));
      out[v * width + u] = words[array[row * columns + column] + offset];
    }
  }
}

function paintSmooth(out, width, height, level, words, offset, s) {
  const { array, columns, rows } = level;
  const [lastX, lastY, half] = [columns - 1, rows - 1, offset + 0.5];
  for (let v = 0; v < height; v += 1) {
    const [x0, y0] = [s.x + v * s.vx, s.y + v * s.vy];
    const [first, end] = rowSpan(x0, y0, s, level, width);
    for (let u = first; u < end; u += 1) {
      let x = x0 + u * s.ux - 0.5; // sample points lie in the middle of pixels
      let y = y0 + u * s.uy - 0.5;
      x = x < 0 ? 0 : x > lastX ? lastX : x;
      y = y < 0 ? 0 : y > lastY ? lastY : y;
      const column = x | 0;
      const row = y | 0;
      const fx = x - column;
      const fy = y - row;
      const at = row * columns + column;
      const below = row < lastY ? at + columns : at;
      const beside = column < lastX ? 1 : 0;
      const top = array[at] + (array[at + beside] - array[at]) * fx;
      const bottom = array[below] + (array[below + beside] - array[below]) * fx;
      out[v * width + u] = words[(top + (bottom - top) * fy + half) | 0];
    }
  }
}
