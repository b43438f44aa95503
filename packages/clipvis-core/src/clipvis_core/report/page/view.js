// Where a pixel of the source is on the stage: fitted, zoomed and moved.

const MOST_ZOOM = 32;

/** The place of the picture on the stage, in CSS pixels. */
export class View {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.zoom = 1;
    this.x = 0; // of the picture's left edge
    this.y = 0;
    this.room = [1, 1];
  }

  /** CSS pixels for a pixel of the source. */
  get scale() {
    return this.zoom * Math.min(this.room[0] / this.width, this.room[1] / this.height);
  }

  /** Takes the size of the stage. */
  fit(width, height) {
    this.room = [Math.max(1, width), Math.max(1, height)];
    this._keepInside();
  }

  /** Zooms by a factor, and keeps in place what is at (x, y) of the stage. */
  zoomBy(factor, x = this.room[0] / 2, y = this.room[1] / 2) {
    const [sourceX, sourceY] = this.toSource(x, y);
    this.zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    this.x = x - sourceX * this.scale;
    this.y = y - sourceY * this.scale;
    this._keepInside();
  }

  moveBy(x, y) {
    this.x += x;
    this.y += y;
    this._keepInside();
  }

  reset() {
    this.zoom = 1;
    this._keepInside();
  }

  /** Source pixel, with fractions, at a place of the stage. */
  toSource(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  _keepInside() {
    const kept = (place, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, place)));
    this.x = kept(this.x, this.width * this.scale, this.room[0]);
    this.y = kept(this.y, this.height * this.scale, this.room[1]);
  }
}
