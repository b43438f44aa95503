// What the viewer takes along: tracks as JSON and CSV, the picture, and the review.

import { drawMasks } from "./drawing.js";
import { Mask } from "./rle.js";

/** Offers the exports; each writes what is chosen at the time. */
export class Exports {
  constructor(state, masks, player, stage) {
    Object.assign(this, { state, masks, player, stage });
    this.name = state.facts.name.replace(/[^\p{L}\p{N}._-]+/gu, "_") || "answer";
  }

  /** The chosen tracks as records of a YouTube-VIS result list, with label and number. */
  json() {
    const { facts } = this.state;
    const tracks = this.state.chosen();
    const segmentations = new Map(tracks.map((track) => [track.place, []]));
    for (let frame = 0; frame < facts.frames; frame++) {
      const texts = this.masks.texts(frame);
      for (const [place, list] of segmentations) {
        const counts = texts.get(place);
        list.push(counts === undefined ? null : { size: [facts.height, facts.width], counts });
      }
    }
    const records = tracks.map((track) => ({
      video_id: 1,
      score: track.score,
      category_id: track.word + 1,
      track: track.number,
      label: track.label,
      segmentations: segmentations.get(track.place),
    }));
    save(`${this.name}-tracks.json`, "application/json", JSON.stringify(records));
  }

  /** A line for each chosen track in each frame in which it is there: box and area in pixels, time in seconds. */
  csv() {
    const { facts } = this.state;
    const lines = [["video", "track", "label", "score", "frame", "time", "x", "y", "width", "height", "area"]];
    const chosen = this.state.chosen();
    for (let frame = 0; frame < facts.frames; frame++) {
      const texts = this.masks.texts(frame);
      for (const track of chosen) {
        if (!texts.has(track.place)) continue;
        const { box, area } = new Mask(texts.get(track.place), facts.height);
        const [left, top, right, bottom] = box;
        const place = [left, top, right - left, bottom - top, area];
        lines.push([facts.name, track.number, track.label, track.score, frame, facts.times[frame], ...place]);
      }
    }
    save(`${this.name}-tracks.csv`, "text/csv", csvText(lines));
  }

  /** Decisions about the tracks, those over the threshold that have none too. */
  review() {
    const { facts, decisions } = this.state;
    const lines = [["video", "track", "label", "decision"]];
    for (const track of facts.tracks) {
      const decision = decisions.get(track.number) ?? "";
      if (decision || this.state.isListed(track)) lines.push([facts.name, track.number, track.label, decision]);
    }
    save(`${this.name}-review.csv`, "text/csv", csvText(lines));
  }

  /** The frame at hand in the source's size, with the chosen tracks drawn. */
  async png() {
    const { facts } = this.state;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [facts.width, facts.height];
    const context = canvas.getContext("2d");
    if (facts.media !== "none") context.drawImage(this.player.picture, 0, 0, facts.width, facts.height);
    const chosen = new Set(this.state.chosen());
    const tracks = [...this.masks.at(this.player.frame)].map(([place, mask]) => [facts.tracks[place], mask]);
    const unit = Math.max(1, Math.min(facts.width, facts.height) / 480);
    const plain = Object.create(this.state, { selected: { value: new Set() }, hovered: { value: null } });
    drawMasks(context, tracks.filter(([track]) => chosen.has(track)), plain, 1, unit);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    save(`${this.name}-frame-${String(this.player.frame).padStart(5, "0")}.png`, "image/png", blob);
  }
}

/** Lines of cells as CSV; a cell that a table program would run as a formula becomes text. */
export function csvText(lines) {
  const cell = (value) => {
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map((line) => line.map(cell).join(",") + "\r\n").join("");
}

function save(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
