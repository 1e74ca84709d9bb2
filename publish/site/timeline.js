// The slider, and the track status painted behind it.

import { hoursText } from "./clock.js";
import { byId } from "./dom.js";

export const STATUSES = {
  1: { text: "Track clear", kind: "clear" },
  2: { text: "Yellow flag", kind: "yellow" },
  4: { text: "Safety car", kind: "sc" },
  5: { text: "Red flag", kind: "red" },
  6: { text: "Virtual safety car", kind: "vsc" },
  7: { text: "Virtual safety car ending", kind: "vsc" },
};

export class Timeline {
  /** `onSeek(timeMs, settled)`: settled is false while the thumb is dragged. */
  constructor(durationMs, startMs, onSeek) {
    this.durationMs = durationMs;
    this.startMs = startMs;
    this.input = byId("seek");
    this.canvas = byId("bands");
    this.runs = [];
    this.input.max = String(durationMs);
    this.input.oninput = () => onSeek(Number(this.input.value), false);
    this.input.onchange = () => onSeek(Number(this.input.value), true);
  }

  /** `overview`: the chunk of the whole session, its track status by second. */
  setOverview(overview) {
    const runs = overview.document.track_status;
    this.runs = runs.map(([tick, status], i) => ({
      status,
      from: overview.startMs + tick * overview.stepMs,
      to: i + 1 < runs.length ? overview.startMs + runs[i + 1][0] * overview.stepMs : overview.endMs,
    }));
    this.paint();
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.max(1, width * ratio), Math.max(1, height * ratio)];
    const c = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    c.scale(ratio, ratio);
    for (const { status, from, to } of this.runs) {
      const kind = STATUSES[status]?.kind ?? "unknown";
      c.fillStyle = style.getPropertyValue(`--flag-${kind}`);
      const x = (from / this.durationMs) * width;
      c.fillRect(x, 0, Math.max(((to - from) / this.durationMs) * width, kind === "clear" ? 0 : 2), height);
    }
    c.fillStyle = style.getPropertyValue("--text");
    c.fillRect((this.startMs / this.durationMs) * width, 0, 1, height);
  }

  show(timeMs) {
    const value = String(Math.round(timeMs));
    if (this.input.value !== value) this.input.value = value;
    this.input.setAttribute("aria-valuetext", hoursText(timeMs - this.startMs));
  }
}
