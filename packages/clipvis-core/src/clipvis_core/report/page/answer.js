// What the page was written with: facts and tracks at once, the masks of a frame when it is shown.

import { Mask } from "./rle.js";

const KEPT_FRAMES = 64; // whose masks stay decoded

/** The facts, with a `place` and the word of each track. */
export function readFacts() {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  facts.tracks.forEach((track, place) => {
    track.place = place;
    track.label = facts.words[track.word];
    track.first = track.runs[0] ?? 0;
    track.last = track.runs.length ? track.runs.at(-1) - 1 : 0;
  });
  return facts;
}

/** Whether a track has a mask in a frame: `runs` holds the frames where its runs start and end. */
export function isPresent(track, frame) {
  for (let i = 0; i < track.runs.length; i += 2) {
    if (frame < track.runs[i]) return false;
    if (frame < track.runs[i + 1]) return true;
  }
  return false;
}

/** Masks by frame, decoded when they are asked for. */
export class Masks {
  constructor(facts) {
    this._facts = facts;
    this._frames = new Map();
    this._block = { number: -1, lines: [] };
  }

  /** Map from the place of a track to its mask in a frame. */
  at(frame) {
    let masks = this._frames.get(frame);
    this._frames.delete(frame);
    masks ??= this._decoded(frame);
    this._frames.set(frame, masks); // last used, last
    if (this._frames.size > KEPT_FRAMES) this._frames.delete(this._frames.keys().next().value);
    return masks;
  }

  /** The text of each mask of a frame, by the place of its track; nothing is decoded. */
  texts(frame) {
    const number = Math.floor(frame / this._facts.block);
    if (number !== this._block.number) {
      this._block = { number, lines: document.getElementById(`masks-${number}`).textContent.split("\n") };
    }
    const parts = this._block.lines[frame % this._facts.block].split(" ");
    const texts = new Map();
    for (let i = 0; i + 1 < parts.length; i += 2) texts.set(Number(parts[i]), parts[i + 1]);
    return texts;
  }

  _decoded(frame) {
    const masks = new Map();
    for (const [place, text] of this.texts(frame)) masks.set(place, new Mask(text, this._facts.height));
    return masks;
  }
}
