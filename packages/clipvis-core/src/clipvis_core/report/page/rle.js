// COCO's compressed run lengths, and the mask they describe.

import { outlinePath } from "./outline.js";

/**
 * Ends of the runs, counted in column-major pixels; background comes first, so that odd places are inside.
 * A run is written in groups of five bits, lowest first; from the fourth on it is a difference to the run two before.
 */
export function runEnds(text) {
  const ends = new Uint32Array(text.length);
  let count = 0;
  let place = 0;
  let end = 0;
  let before = 0; // the run before this one
  let two = 0; // and the one before that
  while (place < text.length) {
    let run = 0;
    let shift = 0;
    let group;
    do {
      group = text.charCodeAt(place++) - 48;
      run |= (group & 31) << shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) run |= -1 << shift;
    if (count > 2) run += two;
    end += run;
    ends[count++] = end;
    two = before;
    before = run;
  }
  return ends.subarray(0, count);
}

/** A mask of one frame. `box` is [left, top, right, bottom], right and bottom exclusive; all in pixels of the source. */
export class Mask {
  constructor(text, height) {
    this.text = text;
    this.height = height;
    this.ends = runEnds(text);
    [this.area, this.box] = measured(this.ends, height);
    this._path = null;
  }

  /** Whether the pixel in column x and row y belongs to the mask. */
  contains(x, y) {
    const [left, top, right, bottom] = this.box;
    if (x < left || x >= right || y < top || y >= bottom) return false;
    const pixel = x * this.height + y;
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] <= pixel) low = middle + 1;
      else high = middle;
    }
    return low % 2 === 1;
  }

  /** The outline along the edges of the pixels, as a path in pixels of the source. */
  get path() {
    this._path ??= outlinePath(this.ends, this.height);
    return this._path;
  }
}

function measured(ends, height) {
  let area = 0;
  let left = Infinity;
  let top = Infinity;
  let right = 0;
  let bottom = 0;
  for (let i = 1; i < ends.length; i += 2) {
    const start = ends[i - 1];
    const last = ends[i] - 1;
    if (last < start) continue;
    area += last - start + 1;
    const first = Math.floor(start / height);
    const final = Math.floor(last / height);
    left = Math.min(left, first);
    right = Math.max(right, final + 1);
    top = Math.min(top, first === final ? start % height : 0);
    bottom = Math.max(bottom, first === final ? (last % height) + 1 : height);
  }
  return [area, area ? [left, top, right, bottom] : [0, 0, 0, 0]];
}
