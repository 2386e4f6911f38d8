/** One 12-lead recording: samples as recorded, the display filter, gaps of leads that were off. */

import { fetchBytes, fetchJson } from './viewer_common.js';

export const LEADS = ['I', 'II', 'III', 'aVR', 'aVL', 'aVF', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'];
/** The display filter; for looking only, measures of ST and QRS belong to the raw signal. */
export const FILTER = { lowHz: 0.5, highHz: 40, notchHz: 50, notchQ: 25 };
const HIGHEST_SHARE = 0.45; // of the sampling rate: nearer to half of it a filter is not what it says
const PAD_S = 4; // mirrored on both ends so that the filter settles outside the recording

/** A recording with its facts; `lead(name, filtered)` gives Float32Array in mV, NaN = lead off. */
export class EcgSignal {
  constructor(facts, buffer) {
    this.facts = facts;
    this.rate = facts.rate_hz;
    this.samples = facts.samples;
    this.raw = LEADS.map((_, at) => new Float32Array(buffer, at * 4 * this.samples, this.samples));
    this.filtered = new Map();
  }

  /** Loads facts and samples; progress runs from 0 to 1. */
  static async load(url, { signal, onprogress }) {
    const facts = await fetchJson(`${url}/ecg`, signal);
    const expected = LEADS.length * facts.samples * 4;
    return new EcgSignal(facts, await fetchBytes(`${url}/samples`, { expected, signal, onprogress }));
  }

  get duration() {
    return this.samples / this.rate;
  }

  /** Samples of a lead in mV, raw or through the display filter. */
  lead(name, isFiltered) {
    const at = LEADS.indexOf(name);
    if (!isFiltered) return this.raw[at];
    if (!this.filtered.has(name)) this.filtered.set(name, displayFilter(this.raw[at], this.rate, this.filterBand));
    return this.filtered.get(name);
  }

  /** What the display filter does at this rate: parts too near half the rate are left out. */
  get filterBand() {
    const within = (hz) => (hz < HIGHEST_SHARE * this.rate ? hz : null);
    return { lowHz: FILTER.lowHz, highHz: within(FILTER.highHz), notchHz: within(FILTER.notchHz) };
  }

  /** Nearest sample to a time, kept inside the recording. */
  indexAt(seconds) {
    return Math.min(this.samples - 1, Math.max(0, Math.round(seconds * this.rate)));
  }

  /** Runs of samples without a value between two indices: [[first, end], ...]. */
  gaps(name, first, end) {
    return runs(this.lead(name, false), first, end, (value) => Number.isNaN(value));
  }
}

/** Runs of consecutive samples that satisfy a test, as [first, one past last]. */
function runs(values, first, end, test) {
  const found = [];
  let start = -1;
  for (let at = first; at <= end; at += 1) {
    const isIn = at < end && test(values[at]);
    if (isIn && start < 0) start = at;
    if (!isIn && start >= 0) {
      found.push([start, at]);
      start = -1;
    }
  }
  return found;
}

/** Zero-phase high pass, low pass and notch; every stretch between gaps for itself. */
function displayFilter(values, rate, { lowHz, highHz, notchHz }) {
  const result = Float32Array.from(values);
  const sections = [biquad('high', lowHz, Math.SQRT1_2, rate)];
  if (highHz) sections.push(biquad('low', highHz, Math.SQRT1_2, rate));
  if (notchHz) sections.push(biquad('notch', notchHz, FILTER.notchQ, rate));
  for (const [first, end] of runs(values, 0, values.length, (value) => !Number.isNaN(value))) {
    result.set(bothWays(values.subarray(first, end), sections, Math.round(PAD_S * rate)), first);
  }
  return result;
}

function bothWays(values, sections, padSamples) {
  const pad = Math.min(padSamples, values.length - 1);
  const last = values.length - 1;
  const work = new Float64Array(values.length + 2 * pad);
  for (let at = 0; at < work.length; at += 1) {
    const from = at - pad;
    work[at] = values[from < 0 ? -from : from > last ? 2 * last - from : from];
  }
  for (let pass = 0; pass < 2; pass += 1) {
    sections.forEach((section) => runThrough(work, section));
    work.reverse();
  }
  return work.subarray(pad, pad + values.length);
}

function runThrough(work, { b, a }) {
  const start = work[0];
  const gain = (b[0] + b[1] + b[2]) / (1 + a[0] + a[1]); // of a constant: where the filter rests
  let [x1, x2, y1, y2] = [start, start, start * gain, start * gain];
  for (let at = 0; at < work.length; at += 1) {
    const x = work[at];
    const y = b[0] * x + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2;
    [x2, x1, y2, y1] = [x1, x, y1, y];
    work[at] = y;
  }
}

/** Second-order section by the bilinear transform (Bristow-Johnson's Audio EQ Cookbook). */
function biquad(kind, hz, q, rate) {
  const w = (2 * Math.PI * hz) / rate;
  const [cosine, alpha] = [Math.cos(w), Math.sin(w) / (2 * q)];
  const feedForward = {
    low: [(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2],
    high: [(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2],
    notch: [1, -2 * cosine, 1],
  }[kind];
  const a0 = 1 + alpha;
  return { b: feedForward.map((value) => value / a0), a: [(-2 * cosine) / a0, (1 - alpha) / a0] };
}
