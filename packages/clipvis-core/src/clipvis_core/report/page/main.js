// The page's parts, put together.

import { Masks, readFacts } from "./answer.js";
import { Exports } from "./exports.js";
import { keyTable, listenToKeys } from "./keyboard.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";
import { State } from "./state.js";
import { Table } from "./table.js";
import { Words } from "./words.js";

const byId = (id) => document.getElementById(id);

/** Fills the page. */
async function start() {
  const facts = readFacts();
  const state = new State(facts);
  const masks = new Masks(facts);
  const player = new Player(facts, byId("stage"), (frame) => showFrame(frame));
  const stage = new Stage(state, masks, player);
  const table = new Table(state, player);
  const words = new Words(state);
  const exports = new Exports(state, masks, player, stage);
  const parts = { state, player, stage, table, exports, help: byId("help") };

  function showFrame(frame) {
    stage.draw();
    table.showFrame(frame);
    showTransport(player);
    document.documentElement.dataset.frame = frame;
  }
  function showChoice() {
    stage.draw();
    table.show();
    words.show();
    showCounts(state);
  }
  state.listen((what) => {
    if (what === "choice") showChoice();
    else {
      stage.draw();
      table.showHover();
    }
  });

  showFacts(facts);
  listenToTransport(player, facts);
  listenToControls(parts);
  showKeys(keyTable(parts));
  listenToKeys(keyTable(parts));
  showChoice();
  await player.load().catch(() => {
    player.withoutPicture();
    byId("no-picture").hidden = false;
  });
  stage.resize();
  showFrame(0);
  document.documentElement.dataset.ready = "";
}

function showFacts(facts) {
  const seconds = facts.times[facts.frames - 1] + 1 / facts.rate;
  const parts = [`${facts.width} × ${facts.height}`];
  if (facts.frames > 1) parts.push(`${facts.frames} frames`, `${seconds.toFixed(1)} s`, `${Number(facts.rate.toFixed(2))} fps`);
  byId("name").textContent = facts.name;
  byId("about").textContent = parts.join(" · ");
  byId("partial").hidden = facts.complete;
  byId("left-out").hidden = !facts.leftOut;
  byId("left-out").textContent = `${facts.leftOut} weaker tracks are in results.json only.`;
  document.documentElement.classList.toggle("still", facts.frames === 1);
  byId("stage").style.setProperty("--shape", `${facts.width} / ${facts.height}`);
  showScores(facts.tracks);
}

/** A tick for each track under the slider, so that one sees what a threshold parts. */
function showScores(tracks) {
  for (const track of tracks) {
    const tick = document.createElement("i");
    tick.style.left = `${track.score * 100}%`;
    tick.style.background = track.color;
    byId("ticks").append(tick);
  }
}

function showCounts(state) {
  const listed = state.listed().length;
  const { size } = state.selected;
  const chosen = state.chosen().length;
  byId("threshold").value = state.threshold;
  byId("threshold-value").textContent = Number(state.threshold.toFixed(3));
  byId("count").textContent = `${listed} of ${state.facts.tracks.length} tracks`;
  byId("chosen").textContent = size ? `${chosen} selected` : `all ${chosen} shown`;
  for (const button of document.querySelectorAll("[data-export=json], [data-export=csv]")) button.disabled = !chosen;
  const decided = [...state.decisions.values()];
  const number = (decision) => decided.filter((other) => other === decision).length;
  byId("review").textContent = `${number("accepted")} accepted, ${number("rejected")} rejected`;
  byId("outlines").checked = state.outlines;
  byId("labels").checked = state.labels;
}

function showTransport(player) {
  const { facts, frame } = player;
  byId("seek").value = frame;
  byId("place").textContent = `${frame} / ${facts.frames - 1}`;
  byId("time").textContent = `${facts.times[frame].toFixed(2)} s`;
  byId("play").ariaPressed = String(player.playing);
  byId("play").ariaLabel = player.playing ? "Pause" : "Play";
}

function listenToTransport(player, facts) {
  byId("seek").max = facts.frames - 1;
  byId("seek").addEventListener("input", (event) => {
    player.pause();
    player.seek(Number(event.target.value));
  });
  byId("play").addEventListener("click", () => player.toggle());
  byId("back").addEventListener("click", () => player.step(-1));
  byId("on").addEventListener("click", () => player.step(1));
  byId("speed").addEventListener("change", (event) => {
    player.speed = Number(event.target.value);
  });
}

function listenToControls({ state, stage, exports, help }) {
  byId("threshold").addEventListener("input", (event) => state.setThreshold(Number(event.target.value)));
  byId("reset-threshold").addEventListener("click", () => state.setThreshold(state.facts.threshold));
  byId("opacity").addEventListener("input", (event) => {
    state.opacity = Number(event.target.value);
    stage.draw();
  });
  for (const name of ["outlines", "labels"]) {
    byId(name).addEventListener("change", (event) => {
      state[name] = event.target.checked;
      stage.draw();
    });
  }
  byId("zoom-in").addEventListener("click", () => stage.zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => stage.zoomBy(1 / 1.5));
  byId("zoom").addEventListener("click", () => stage.resetZoom());
  byId("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else byId("viewer").requestFullscreen();
  });
  for (const button of document.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => exports[button.dataset.export]());
  }
  byId("show-help").addEventListener("click", () => help.showModal());
  byId("theme").addEventListener("click", () => {
    const { dataset } = document.documentElement;
    const isDark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = isDark ? "light" : "dark";
  });
}

function showKeys(keys) {
  const names = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  for (const [keysOfAction, does] of keys) {
    const row = byId("keys").insertRow();
    const cell = row.insertCell();
    for (const key of keysOfAction) {
      const element = document.createElement("kbd");
      element.textContent = names[key] ?? (key.length === 1 ? key.toUpperCase() : key);
      cell.append(element, " ");
    }
    row.insertCell().textContent = does;
  }
}

start();
