// The search runs in a worker. Browsers refuse workers in pages that were opened from files; there it runs in a hidden
// frame instead. And `--contrast` is a word to look for, where the search would take the dashes for "not".
class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    this.inner = frame.contentWindow;
    this.inner.document.open();
    this.inner.document.write("<!doctype html><title>search</title><body>");
    this.inner.document.close();
    this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    const script = this.inner.document.createElement("script");
    this.ready = new Promise((resolve) => (script.onload = resolve));
    script.src = url;
    this.inner.document.body.append(script);
  }

  postMessage(data) {
    this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })));
  }
}

window.Worker = class extends (location.protocol === "file:" ? FrameWorker : window.Worker) {
  postMessage(message, ...options) {
    const asked = typeof message.data === "string";
    const data = asked ? message.data.replace(/(^|\s)[-+]+(?=\w)/g, "$1") : message.data;
    super.postMessage({ ...message, data }, ...options);
  }
};
