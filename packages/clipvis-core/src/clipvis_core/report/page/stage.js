// The stage: the picture with the masks over it, and the pointer.

import { drawMasks } from "./drawing.js";
import { View } from "./view.js";

const CLICK_REACH = 4; // CSS pixels that a click may wander

/** Draws the shown tracks of a frame over the picture, at the screen's own resolution. */
export class Stage {
  constructor(state, masks, player) {
    this.state = state;
    this.masks = masks;
    this.player = player;
    this.element = document.getElementById("stage");
    this.canvas = document.getElementById("masks");
    this.tip = document.getElementById("tip");
    this.view = new View(state.facts.width, state.facts.height);
    this._pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(this.element);
    this._listen();
  }

  resize() {
    const { clientWidth, clientHeight } = this.element;
    this.view.fit(clientWidth, clientHeight);
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.draw();
  }

  /** The shown tracks with a mask in the frame at hand, each with its mask. */
  present() {
    const found = [];
    for (const [place, mask] of this.masks.at(this.player.frame)) {
      const track = this.state.facts.tracks[place];
      if (this.state.isShown(track)) found.push([track, mask]);
    }
    return found;
  }

  draw() {
    const { view, canvas } = this;
    const { style } = this.player.picture;
    style.width = `${view.width * view.scale}px`;
    style.height = `${view.height * view.scale}px`;
    style.transform = `translate(${view.x}px, ${view.y}px)`;
    const context = canvas.getContext("2d");
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    const ratio = devicePixelRatio;
    context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
    if (this.state.facts.media === "none") {
      context.fillStyle = "#3b4048";
      context.fillRect(0, 0, view.width, view.height);
    }
    drawMasks(context, this.present(), this.state, view.scale * ratio, ratio);
    document.getElementById("zoom").textContent = `${Math.round(view.zoom * 100)} %`;
  }

  zoomBy(factor, x, y) {
    this.view.zoomBy(factor, x, y);
    this.draw();
  }

  resetZoom() {
    this.view.reset();
    this.draw();
  }

  /** The smallest shown mask at a place of the stage: large masks lie below small ones. */
  trackAt(x, y) {
    const [sourceX, sourceY] = this.view.toSource(x, y).map(Math.floor);
    const hits = this.present().filter(([, mask]) => mask.contains(sourceX, sourceY));
    hits.sort(([, a], [, b]) => a.area - b.area);
    return hits[0]?.[0] ?? null;
  }

  _listen() {
    const { element } = this;
    const place = (event) => {
      const box = element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    element.addEventListener("pointerdown", (event) => {
      this._pointers.set(event.pointerId, { start: place(event), at: place(event), moved: false });
    });
    element.addEventListener("pointermove", (event) => this._moved(event, place(event)));
    element.addEventListener("pointerup", (event) => this._released(event, place(event)));
    element.addEventListener("pointercancel", (event) => this._pointers.delete(event.pointerId));
    element.addEventListener("pointerleave", (event) => {
      this._pointers.delete(event.pointerId);
      this._hover(null);
    });
    element.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.altKey && this.view.zoom === 1 && event.deltaY > 0) return; // the page scrolls on
        event.preventDefault();
        this.zoomBy(1.0015 ** -event.deltaY, ...place(event));
      },
      { passive: false },
    );
    element.addEventListener("dblclick", () => this.resetZoom());
  }

  _moved(event, at) {
    const pointer = this._pointers.get(event.pointerId);
    if (!pointer) {
      this._hover(this.trackAt(...at), at);
      return;
    }
    const wandered = Math.hypot(at[0] - pointer.start[0], at[1] - pointer.start[1]);
    pointer.moved ||= wandered > CLICK_REACH;
    if (!pointer.moved) return;
    const other = [...this._pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const spread = (place) => Math.hypot(place[0] - other.at[0], place[1] - other.at[1]);
      this.zoomBy(spread(at) / Math.max(1, spread(pointer.at)), ...other.at);
    } else {
      this.view.moveBy(at[0] - pointer.at[0], at[1] - pointer.at[1]);
      this.draw();
    }
    pointer.at = at;
  }

  _released(event, at) {
    const pointer = this._pointers.get(event.pointerId);
    this._pointers.delete(event.pointerId);
    if (!pointer || pointer.moved || event.button !== 0) return;
    const track = this.trackAt(...at);
    if (track) this.state.select(track, event.shiftKey || event.ctrlKey || event.metaKey);
    else if (!event.shiftKey) this.state.selectNone();
  }

  _hover(track, at) {
    this.state.hover(track?.place ?? null);
    this.element.classList.toggle("pointing", track !== null);
    this.tip.hidden = track === null;
    if (track === null) return;
    this.tip.textContent = `#${track.number} ${track.label} · ${track.score.toFixed(2)}`;
    this.tip.style.transform = `translate(${at[0] + 14}px, ${at[1] + 14}px)`;
  }
}
