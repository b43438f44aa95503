// The picture under the masks, and which frame of it is shown.

/** Plays, steps and seeks; calls `shown(frame)` whenever another frame is on the screen. */
export class Player {
  constructor(facts, holder, shown) {
    this.facts = facts;
    this.frame = 0;
    this.playing = false;
    this._shown = shown;
    this._wanted = null; // the frame that the viewer waits for
    this._asked = null; // the frame that the video seeks
    this._speed = 1;
    this.picture = facts.media === "image" ? document.createElement("img") : document.createElement("video");
    holder.prepend(this.picture);
  }

  /** Resolves when the first frame is there; rejects where the browser cannot play the video. */
  async load() {
    const { picture, facts } = this;
    const bytes = fromBase64(document.getElementById("media").textContent);
    const type = facts.media === "image" ? "image/jpeg" : "video/mp4";
    const loaded = new Promise((resolve, reject) => {
      picture.addEventListener(facts.media === "image" ? "load" : "loadeddata", resolve, { once: true });
      picture.addEventListener("error", () => reject(new Error("the browser cannot show it")), { once: true });
    });
    picture.src = URL.createObjectURL(new Blob([bytes], { type }));
    if (facts.media !== "image") this._prepareVideo();
    await loaded;
  }

  get duration() {
    const { times, rate, frames } = this.facts;
    return times[frames - 1] + 1 / rate;
  }

  set speed(value) {
    this._speed = value;
    this.picture.playbackRate = value;
  }

  /** Shows a frame. Calls that come faster than the video can seek are answered by the last one. */
  seek(frame) {
    frame = Math.min(this.facts.frames - 1, Math.max(0, Math.round(frame)));
    if (this.facts.media !== "video") {
      this._show(frame);
      return;
    }
    const isSeeking = this._wanted !== null;
    this._wanted = frame;
    if (!isSeeking) this._seekWanted();
  }

  /** Goes on or back by some frames, from the one that is asked for last. */
  step(frames) {
    this.pause();
    this.seek((this._wanted ?? this.frame) + frames);
  }

  async play() {
    if (this.facts.frames === 1 || this.playing) return;
    if (this.frame === this.facts.frames - 1) this.seek(0);
    this._setPlaying(true);
    if (this.facts.media === "video") await this.picture.play().catch(() => this._setPlaying(false));
    else this._tick(performance.now(), this.facts.times[this.frame]);
  }

  pause() {
    if (!this.playing) return;
    this._setPlaying(false);
    if (this.facts.media === "video") this.picture.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Goes on without a picture: masks alone, where the browser cannot play the video. */
  withoutPicture() {
    this.facts.media = "none";
    this.picture.remove();
  }

  _prepareVideo() {
    const video = this.picture;
    Object.assign(video, { muted: true, playsInline: true, preload: "auto" });
    video.addEventListener("seeked", () => {
      const reached = this._asked;
      if (this._wanted !== reached) {
        this._seekWanted();
        return;
      }
      this._wanted = null;
      this._show(reached);
    });
    video.addEventListener("ended", () => {
      this._setPlaying(false);
      this._show(this.facts.frames - 1);
    });
    video.addEventListener("pause", () => this._setPlaying(false));
    const follow = (_, { mediaTime }) => {
      if (this.playing && this._wanted === null) this._show(nearestFrame(this.facts.times, mediaTime));
      video.requestVideoFrameCallback(follow);
    };
    video.requestVideoFrameCallback?.(follow);
    if (!video.requestVideoFrameCallback) {
      video.addEventListener("timeupdate", () => this._show(frameAt(this.facts.times, video.currentTime)));
    }
  }

  _seekWanted() {
    this._asked = this._wanted;
    const { times } = this.facts;
    const start = times[this._asked];
    const end = times[this._asked + 1] ?? this.duration;
    this.picture.currentTime = (start + end) / 2; // the middle of a frame is in no other one
  }

  _tick(started, from) {
    if (!this.playing) return;
    const time = from + ((performance.now() - started) / 1000) * this._speed;
    this._show(frameAt(this.facts.times, time));
    if (time >= this.duration) this._setPlaying(false);
    else requestAnimationFrame(() => this._tick(started, from));
  }

  _setPlaying(playing) {
    if (this.playing === playing) return;
    this.playing = playing;
    this._shown(this.frame);
  }

  _show(frame) {
    this.frame = frame;
    this._shown(frame);
  }
}

/** The last frame that is shown at or before a time. */
export function frameAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time + 1e-6) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The frame whose time is nearest: a container's clock rounds. */
export function nearestFrame(times, time) {
  const frame = frameAt(times, time);
  const next = times[frame + 1];
  return next !== undefined && next - time < time - times[frame] ? frame + 1 : frame;
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
