// The outline of a mask: closed lines along the edges of its pixels, crisp at any zoom.

/** A `Path2D`, in pixels of the source, that encloses the mask's pixels. */
export function outlinePath(ends, height) {
  const path = new Path2D();
  for (const loop of outlineLoops(ends, height)) {
    path.moveTo(loop[0], loop[1]);
    for (let i = 2; i < loop.length; i += 2) path.lineTo(loop[i], loop[i + 1]);
    path.closePath();
  }
  return path;
}

/** Corners of the closed lines, [x, y, x, y, ...] each; the mask is on the right-hand side of each step. */
export function outlineLoops(ends, height) {
  const steps = new Steps(height + 1);
  let before = [];
  let previous = -2;
  for (const [x, runs] of columns(ends, height)) {
    if (x !== previous + 1) {
      steps.between(previous + 1, before, []);
      before = [];
    }
    steps.between(x, before, runs);
    for (let i = 0; i < runs.length; i += 2) {
      steps.add(x, runs[i], x + 1, runs[i]);
      steps.add(x + 1, runs[i + 1], x, runs[i + 1]);
    }
    before = runs;
    previous = x;
  }
  steps.between(previous + 1, before, []);
  return steps.loops();
}

/** Each column that has pixels, with the rows where its runs start and end. */
function* columns(ends, height) {
  let column = -1;
  let runs = [];
  for (let i = 1; i < ends.length; i += 2) {
    let start = ends[i - 1];
    while (start < ends[i]) {
      const x = Math.floor(start / height);
      const end = Math.min(ends[i], (x + 1) * height);
      if (x !== column) {
        if (runs.length) yield [column, runs];
        column = x;
        runs = [];
      }
      runs.push(start - x * height, end - x * height);
      start = end;
    }
  }
  if (runs.length) yield [column, runs];
}

/** Directed steps between corners of pixels, which are joined to loops. */
class Steps {
  constructor(stride) {
    this.stride = stride;
    this.next = new Map(); // from a corner to the next
    this.second = new Map(); // where two pixels touch at a corner, the other way on
  }

  add(x, y, toX, toY) {
    const from = x * this.stride + y;
    const to = toX * this.stride + toY;
    (this.next.has(from) ? this.second : this.next).set(from, to);
  }

  /** Vertical steps at x, between the runs of the column on the left and those of the column on the right. */
  between(x, left, right) {
    const rows = [...left, ...right].sort((a, b) => a - b);
    let i = 0;
    let j = 0;
    let y = 0;
    for (const row of rows) {
      const isLeft = i % 2 === 1;
      const isRight = j % 2 === 1;
      if (row > y && isLeft !== isRight) {
        if (isLeft) this.add(x, y, x, row);
        else this.add(x, row, x, y);
      }
      if (i < left.length && left[i] === row) i++;
      else j++;
      y = row;
    }
  }

  /** Takes the steps out, loop by loop; corners on a straight line are left out. */
  loops() {
    const loops = [];
    for (const start of this.next.keys()) {
      while (this.next.has(start)) loops.push(this._loop(start)); // twice where two pixels touch
    }
    return loops;
  }

  _loop(start) {
    const loop = [];
    let at = start;
    let direction = 0;
    do {
      const to = this._take(at);
      const towards = to - at > 0 ? (to - at >= this.stride ? 1 : 2) : at - to >= this.stride ? 3 : 4;
      if (towards !== direction) loop.push(Math.floor(at / this.stride), at % this.stride);
      direction = towards;
      at = to;
    } while (at !== start);
    return loop;
  }

  _take(at) {
    const to = this.next.get(at);
    if (this.second.has(at)) {
      this.next.set(at, this.second.get(at));
      this.second.delete(at);
    } else {
      this.next.delete(at);
    }
    return to;
  }
}
