// The words that were asked for, each with a switch.

/** A switch for each word that a track goes under, with the number of its tracks over the threshold. */
export class Words {
  constructor(state) {
    this.state = state;
    const used = [...new Set(state.facts.tracks.map((track) => track.word))].sort((a, b) => a - b);
    this.switches = used.map((word) => this._switch(word));
    document.getElementById("words").append(...this.switches.map(({ button }) => button));
    document.getElementById("all-words").addEventListener("click", () => state.toggleAllWords());
    this._showMissing(used);
  }

  show() {
    const { state } = this;
    for (const { word, button, count } of this.switches) {
      button.ariaPressed = String(!state.hiddenWords.has(word));
      const listed = state.facts.tracks.filter((track) => track.word === word && state.isListed(track));
      count.textContent = listed.length;
      button.classList.toggle("empty", listed.length === 0);
    }
    document.getElementById("all-words").textContent = state.hiddenWords.size ? "Show all" : "Hide all";
  }

  _switch(word) {
    const button = document.createElement("button");
    const count = document.createElement("span");
    button.className = "word";
    button.dataset.word = word;
    button.append(this.state.facts.words[word], count);
    button.addEventListener("click", () => this.state.toggleWord(word));
    return { word, button, count };
  }

  _showMissing(used) {
    const missing = this.state.facts.words.filter((_, word) => !used.includes(word));
    const place = document.getElementById("missing");
    place.hidden = !missing.length;
    place.querySelector("summary").textContent = `Not found: ${missing.length} of ${this.state.facts.words.length} words`;
    place.querySelector("p").textContent = missing.join(", ");
  }
}
