// What the viewer chose. Everything on the page is drawn from it.

/** Choices, and those who want to know when one changes. */
export class State {
  constructor(facts) {
    this.facts = facts;
    this.threshold = facts.threshold;
    this.hiddenTracks = new Set();
    this.hiddenWords = new Set();
    this.selected = new Set();
    this.hovered = null;
    this.current = null; // the track that the keyboard is at
    this.decisions = readDecisions(facts);
    this.opacity = 0.45;
    this.outlines = true;
    this.labels = true;
    this.order = { key: "score", down: true };
    this._listeners = [];
  }

  /** Calls `listener(what)` after each change. */
  listen(listener) {
    this._listeners.push(listener);
  }

  /** Tells everybody; `what` is "hover" where nothing else changed, else "choice". */
  changed(what = "choice") {
    for (const listener of this._listeners) listener(what);
  }

  /** Whether the track reaches the threshold. */
  isListed(track) {
    return track.score >= this.threshold;
  }

  /** Whether its masks are drawn. */
  isShown(track) {
    return this.isListed(track) && !this.hiddenTracks.has(track.place) && !this.hiddenWords.has(track.word);
  }

  /** All tracks in the order of the table. */
  ordered() {
    const { key, down } = this.order;
    const sign = down ? -1 : 1;
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    return [...this.facts.tracks].sort((a, b) => sign * compare(a[key], b[key]) || a.place - b.place);
  }

  /** Tracks in the table, in its order. */
  listed() {
    return this.ordered().filter((track) => this.isListed(track));
  }

  /** The selected tracks that are listed, best first. */
  selectedTracks() {
    return this.facts.tracks.filter((track) => this.selected.has(track.place) && this.isListed(track));
  }

  /** What is exported: the selected tracks, or, if there are none, all that are drawn. */
  chosen() {
    const selected = this.selectedTracks();
    return selected.length ? selected : this.facts.tracks.filter((track) => this.isShown(track));
  }

  setThreshold(value) {
    this.threshold = Math.min(1, Math.max(0, value));
    this.selected = new Set(this.selectedTracks().map((track) => track.place));
    this.changed();
  }

  /** Selects a track alone, or with `more` beside the others; once more takes it back. */
  select(track, more = false) {
    const alone = this.selected.size === 1 && this.selected.has(track.place);
    if (more && this.selected.has(track.place)) this.selected.delete(track.place);
    else if (more) this.selected.add(track.place);
    else this.selected = new Set(alone ? [] : [track.place]);
    this.current = track.place;
    this.changed();
  }

  selectNone() {
    this.selected.clear();
    this.changed();
  }

  /** Selects the next (1) or previous (-1) track of the table. */
  move(step) {
    const listed = this.listed();
    if (!listed.length) return;
    const at = listed.findIndex((track) => track.place === this.current);
    const to = at < 0 ? (step > 0 ? 0 : listed.length - 1) : Math.min(listed.length - 1, Math.max(0, at + step));
    this.current = listed[to].place;
    this.selected = new Set([this.current]);
    this.changed();
  }

  hover(place) {
    if (place === this.hovered) return;
    this.hovered = place;
    this.changed("hover");
  }

  toggleTrack(track) {
    flip(this.hiddenTracks, track.place);
    this.changed();
  }

  toggleWord(word) {
    flip(this.hiddenWords, word);
    this.changed();
  }

  /** Shows all words, or, if all are shown, none. */
  toggleAllWords() {
    const words = new Set(this.facts.tracks.map((track) => track.word));
    this.hiddenWords = this.hiddenWords.size ? new Set() : words;
    this.changed();
  }

  /** Accepts or rejects tracks; the same decision once more, or "", takes it back. */
  decide(tracks, decision) {
    if (!tracks.length) return;
    const undo = !decision || tracks.every((track) => this.decisions.get(track.number) === decision);
    for (const track of tracks) {
      if (undo) this.decisions.delete(track.number);
      else this.decisions.set(track.number, decision);
    }
    keepDecisions(this.facts, this.decisions);
    this.changed();
  }

  sortBy(key) {
    const down = this.order.key === key ? !this.order.down : key === "score";
    this.order = { key, down };
    this.changed();
  }
}

function flip(set, value) {
  if (!set.delete(value)) set.add(value);
}

// A browser may keep nothing for files on disk: decisions then last as long as the page is open.
function readDecisions(facts) {
  try {
    return new Map(JSON.parse(localStorage.getItem(`clipvis-review-${facts.digest}`) ?? "[]"));
  } catch {
    return new Map();
  }
}

function keepDecisions(facts, decisions) {
  try {
    localStorage.setItem(`clipvis-review-${facts.digest}`, JSON.stringify([...decisions]));
  } catch {
    // nothing is lost but what a reload would have brought back
  }
}
