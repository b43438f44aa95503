// Masks on a canvas, whatever its size: the stage's, or that of an exported picture.

const MOST_LABELS = 12;
const MOST_RIMS = 25; // with more tracks a second line around each takes too long
const DIMMED = 0.35; // of the opacity, for tracks beside the selected ones
const DASHES = [[], [6, 3], [2, 2.5], [9, 3, 2, 3]]; // a line style for each round through the colours

/**
 * Draws the masks of a frame; the canvas' unit is a pixel of the source.
 *
 * @param context of a canvas, transformed so that (0, 0) is the corner of the picture.
 * @param tracks pairs of a track and its mask.
 * @param scale canvas pixels for a pixel of the source.
 * @param unit canvas pixels for a line of one point.
 */
export function drawMasks(context, tracks, state, scale, unit) {
  const largeFirst = [...tracks].sort(([, a], [, b]) => b.area - a.area);
  for (const [track, mask] of largeFirst) {
    const strength = strengthOf(track, state);
    context.globalAlpha = Math.min(1, state.opacity * strength.fill);
    context.fillStyle = track.color;
    context.fill(mask.path, "evenodd");
    if (!state.outlines && strength.line <= 1) continue;
    context.globalAlpha = strength.alpha;
    if (tracks.length <= MOST_RIMS || strength.line > 1) strokeRim(context, mask, scale, unit * strength.line);
    strokeMask(context, mask, track, scale, unit * strength.line);
  }
  context.globalAlpha = 1;
  if (state.labels) drawLabels(context, tracks, state, scale, unit);
}

/** A dark rim, which shows light colours on light pictures. */
function strokeRim(context, mask, scale, unit) {
  context.lineWidth = (3 * unit) / scale;
  context.strokeStyle = "rgb(0 0 0 / 0.55)";
  context.stroke(mask.path);
}

function strokeMask(context, mask, track, scale, unit) {
  context.setLineDash(DASHES[track.round % DASHES.length].map((length) => (length * unit) / scale));
  context.lineWidth = (1.6 * unit) / scale;
  context.strokeStyle = track.color;
  context.stroke(mask.path);
  context.setLineDash([]);
}

function strengthOf(track, state) {
  if (state.hovered === track.place) return { fill: 1.35, line: 1.5, alpha: 1 };
  if (!state.selected.size) return { fill: 1, line: 1, alpha: 1 };
  if (state.selected.has(track.place)) return { fill: 1.2, line: 1.5, alpha: 1 };
  return { fill: DIMMED, line: 0.8, alpha: 0.6 };
}

/** A name above each mask; those of the selected tracks first, and none over another. */
function drawLabels(context, tracks, state, scale, unit) {
  const rank = ([track]) => (state.hovered === track.place ? 2 : state.selected.has(track.place) ? 1 : 0);
  const byRank = [...tracks].sort((a, b) => rank(b) - rank(a) || a[0].place - b[0].place);
  const size = (12 * unit) / scale;
  const pad = size / 3;
  const taken = [];
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const [track, mask] of byRank.slice(0, MOST_LABELS)) {
    const text = `#${track.number} ${track.label}`;
    const width = context.measureText(text).width + 2 * pad;
    const height = size + pad;
    const left = Math.max(0, Math.min(mask.box[0], state.facts.width - width));
    const top = Math.max(0, mask.box[1] - height);
    const box = [left, top, left + width, top + height];
    const hides = ([x1, y1, x2, y2]) => box[0] < x2 && x1 < box[2] && box[1] < y2 && y1 < box[3];
    if (taken.some(hides) && !rank([track])) continue;
    taken.push(box);
    context.globalAlpha = state.selected.size && !rank([track]) ? 0.55 : 1;
    context.fillStyle = track.color;
    context.beginPath();
    context.roundRect(left, top, width, height, pad);
    context.fill();
    context.fillStyle = track.ink;
    context.fillText(text, left + pad, top + height / 2);
  }
  context.globalAlpha = 1;
}
