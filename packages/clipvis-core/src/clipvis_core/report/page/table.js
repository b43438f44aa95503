// The table of tracks: who they are, when they are there, and what the viewer thinks of them.

import { isPresent } from "./answer.js";

const ROW_PARTS = document.getElementById("row");

/** One row a track, in the order that the viewer chose. */
export class Table {
  constructor(state, player) {
    this.state = state;
    this.player = player;
    this.element = document.getElementById("tracks");
    this.body = this.element.tBodies[0];
    this.rows = state.facts.tracks.map((track) => this._row(track));
    this.body.append(...this.rows.map((row) => row.element));
    for (const button of this.element.querySelectorAll("thead button")) {
      button.addEventListener("click", () => state.sortBy(button.dataset.key));
    }
    new ResizeObserver(() => this.drawPresence()).observe(this.body);
    this._order = "";
  }

  /** Marks the frame that is shown. */
  showFrame(frame) {
    const { frames } = this.state.facts;
    this.element.style.setProperty("--playhead", frames > 1 ? (frame + 0.5) / frames : 0.5);
    for (const { element, track } of this.rows) element.classList.toggle("present", isPresent(track, frame));
  }

  showHover() {
    for (const { element, track } of this.rows) {
      element.classList.toggle("hovered", this.state.hovered === track.place);
    }
  }

  show() {
    const { state } = this;
    const ordered = state.ordered();
    const listed = ordered.filter((track) => state.isListed(track));
    const order = ordered.map((track) => track.place).join();
    if (order !== this._order) this.body.append(...ordered.map((track) => this.rows[track.place].element));
    this._order = order;
    const stop = listed.some((track) => track.place === state.current) ? state.current : listed[0]?.place;
    for (const row of this.rows) this._showRow(row, stop);
    document.getElementById("none").hidden = listed.length > 0;
    for (const button of this.element.querySelectorAll("thead button")) {
      const sorted = button.dataset.key === state.order.key;
      button.closest("th").ariaSort = sorted ? (state.order.down ? "descending" : "ascending") : null;
    }
    this.showHover();
    this.drawPresence();
  }

  /** Scrolls to the row that the keyboard is at. */
  reveal() {
    this.rows[this.state.current]?.element.scrollIntoView({ block: "nearest" });
  }

  /** Draws the time lines whose size changed, or that were hidden. */
  drawPresence() {
    const sizes = this.rows.map(({ canvas }) => [canvas.clientWidth, canvas.clientHeight]); // all before one changes
    this.rows.forEach(({ canvas, track }, place) => {
      const [width, height] = sizes[place].map((side) => Math.round(side * devicePixelRatio));
      if (!width || (canvas.width === width && canvas.height === height)) return;
      Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = track.color;
      const unit = width / this.state.facts.frames;
      for (let i = 0; i < track.runs.length; i += 2) {
        const length = track.runs[i + 1] - track.runs[i];
        context.fillRect(track.runs[i] * unit, 0, Math.max(1, length * unit), height);
      }
    });
  }

  _row(track) {
    const element = ROW_PARTS.content.firstElementChild.cloneNode(true);
    const part = (name) => element.querySelector(`.${name}`);
    element.dataset.track = track.number;
    element.style.setProperty("--color", track.color);
    part("badge").textContent = `#${track.number}`;
    part("badge").style.color = track.ink;
    part("label").textContent = track.label;
    part("label").title = track.label;
    part("value").textContent = track.score.toFixed(2);
    part("bar").style.setProperty("--score", track.score);
    part("span").textContent = spanText(track);
    const row = { element, track, canvas: part("presence").querySelector("canvas"), part };
    this._listen(row);
    return row;
  }

  _listen({ element, track, part }) {
    const { state } = this;
    part("eye").addEventListener("click", () => state.toggleTrack(track));
    part("accept").addEventListener("click", () => state.decide([track], "accepted"));
    part("reject").addEventListener("click", () => state.decide([track], "rejected"));
    element.addEventListener("click", (event) => {
      if (event.target.closest("button, .presence")) return;
      state.select(track, event.shiftKey || event.ctrlKey || event.metaKey);
    });
    element.addEventListener("pointerenter", () => state.hover(track.place));
    element.addEventListener("pointerleave", () => state.hover(null));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === element) state.select(track, event.shiftKey);
    });
    const line = part("presence");
    const seek = (event) => {
      const box = line.getBoundingClientRect();
      this.player.pause();
      this.player.seek(Math.floor(((event.clientX - box.left) / box.width) * state.facts.frames));
    };
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      seek(event);
    });
    line.addEventListener("pointermove", (event) => {
      if (line.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  /** `stop` is the one row that the tab key stops at; the arrows go on from there. */
  _showRow({ element, track, part }, stop) {
    const { state } = this;
    const decision = state.decisions.get(track.number) ?? "";
    const selected = state.selected.has(track.place);
    element.hidden = !state.isListed(track);
    element.tabIndex = track.place === stop ? 0 : -1;
    element.classList.toggle("off", !state.isShown(track));
    element.ariaSelected = String(selected);
    element.dataset.decision = decision;
    part("eye").ariaPressed = String(!state.hiddenTracks.has(track.place));
    part("accept").ariaPressed = String(decision === "accepted");
    part("reject").ariaPressed = String(decision === "rejected");
  }
}

function spanText(track) {
  if (!track.runs.length) return "";
  return track.first === track.last ? `${track.first}` : `${track.first}–${track.last}`;
}
