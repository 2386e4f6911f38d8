/** SHA-256 of a file: WebCrypto where the browser offers it, else in script (plain-http origins). */

const K = new Uint32Array(64);
const START = new Uint32Array(8);

/** First 32 bits of the fractional parts of roots of primes (FIPS 180-4, 4.2.2 and 5.3.3). */
(function constants() {
  const fraction = (x) => ((x - Math.floor(x)) * 4294967296) >>> 0;
  let found = 0;
  for (let candidate = 2; found < 64; candidate += 1) {
    let prime = true;
    for (let factor = 2; factor * factor <= candidate; factor += 1) if (candidate % factor === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(candidate));
    K[found] = fraction(Math.cbrt(candidate));
    found += 1;
  }
})();

const turn = (x, n) => (x >>> n) | (x << (32 - n));

function block(state, words, view, at) {
  for (let i = 0; i < 16; i += 1) words[i] = view.getUint32(at + i * 4);
  for (let i = 16; i < 64; i += 1) {
    const a = words[i - 15];
    const b = words[i - 2];
    const low = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3);
    const high = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
    words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
  }
  let [a, b, c, d, e, f, g, z] = state;
  for (let i = 0; i < 64; i += 1) {
    const one = (z + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    z = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  const sums = [a, b, c, d, e, f, g, z];
  for (let i = 0; i < 8; i += 1) state[i] = (state[i] + sums[i]) | 0;
}

/** Incremental SHA-256 over byte arrays. */
export class Sha256 {
  constructor() {
    this.state = Uint32Array.from(START);
    this.words = new Int32Array(64);
    this.rest = new Uint8Array(64);
    this.held = 0;
    this.length = 0;
  }

  update(chunk) {
    this.length += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      const take = Math.min(64 - this.held, chunk.length - at);
      this.rest.set(chunk.subarray(at, at + take), this.held);
      this.held += take;
      at += take;
      if (this.held === 64) {
        block(this.state, this.words, new DataView(this.rest.buffer), 0);
        this.held = 0;
      }
    }
    return this;
  }

  hex() {
    const total = this.length;
    const padding = new Uint8Array((this.held < 56 ? 64 : 128) - this.held);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(total / 536870912));
    view.setUint32(padding.length - 4, (total * 8) >>> 0);
    this.update(padding);
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

const SLICE = 4 * 1024 * 1024;

/** Hex digest of a Blob. */
export async function sha256(blob) {
  if (globalThis.crypto && crypto.subtle) {
    const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
    return Array.from(new Uint8Array(digest), (octet) => octet.toString(16).padStart(2, "0")).join("");
  }
  const hash = new Sha256();
  for (let at = 0; at < blob.size; at += SLICE) {
    hash.update(new Uint8Array(await blob.slice(at, at + SLICE).arrayBuffer()));
    await new Promise((resolve) => setTimeout(resolve, 0)); // keep the page alive
  }
  return hash.hex();
}
