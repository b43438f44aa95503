// Keys. The page's help lists them from here.

/** [keys, what they do, the action]; an action gets the event. */
export function keyTable({ state, player, stage, table, exports, help }) {
  const decide = (decision) => () => state.decide(state.selectedTracks(), decision);
  const move = (step) => () => {
    state.move(step);
    table.reveal();
  };
  const flipped = (name) => () => {
    state[name] = !state[name];
    state.changed();
  };
  return [
    [["Space", "k"], "play or pause", () => player.toggle()],
    [["ArrowLeft", "ArrowRight"], "one frame back or on; with Shift ten", (event) => {
      player.step((event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    }],
    [["Home", "End"], "first or last frame", (event) => player.seek(event.key === "Home" ? 0 : Infinity)],
    [["ArrowUp"], "select the track above", move(-1)],
    [["ArrowDown"], "select the track below", move(1)],
    [["v"], "show or hide the selected tracks", () => state.selectedTracks().forEach((track) => state.toggleTrack(track))],
    [["a"], "accept the selected tracks", decide("accepted")],
    [["r"], "reject the selected tracks", decide("rejected")],
    [["u"], "undo the decision on the selected tracks", decide("")],
    [["[", "]"], "threshold down or up by 0.05", (event) => {
      state.setThreshold(Math.round((state.threshold + (event.key === "[" ? -0.05 : 0.05)) * 100) / 100);
    }],
    [["o"], "outlines on or off", flipped("outlines")],
    [["l"], "labels on or off", flipped("labels")],
    [["+", "-"], "zoom in or out", (event) => stage.zoomBy(event.key === "-" ? 1 / 1.5 : 1.5)],
    [["0"], "the whole picture", () => stage.resetZoom()],
    [["s"], "save the frame as PNG", () => exports.png()],
    [["Escape"], "select nothing", () => state.selectNone()],
    [["?"], "these keys", () => help.showModal()],
  ];
}

/** Acts on keys, but for those that the focused control needs itself. */
export function listenToKeys(keys) {
  document.addEventListener("click", (event) => {
    if (event.detail) document.activeElement?.closest("button")?.blur(); // after a press of the mouse all keys are free
  });
  const actions = new Map(keys.flatMap(([names, , action]) => names.map((name) => [name, action])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const name = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions.get(name);
    if (!action || isNeeded(name, event.target)) return;
    event.preventDefault();
    action(event);
  });
}

function isNeeded(name, element) {
  if (element.matches("select")) return true;
  if (element.matches("button, summary, a")) return name === "Space";
  if (!element.matches("input[type=range]")) return false;
  return name.startsWith("Arrow") || name === "Home" || name === "End";
}
