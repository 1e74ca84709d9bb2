// The slider, and the track status painted behind it.

import { hoursText } from "./clock.js";
import { byId } from "./dom.js";

/** @import { Chunk } from "./decode.js" */

/**
 * Track status codes: what they say, and what they look like.
 *
 * @type {Record<string, { text: string, kind: string }>}
 */
export const STATUSES = {
  1: { text: "Track clear", kind: "clear" },
  2: { text: "Yellow flag", kind: "yellow" },
  4: { text: "Safety car", kind: "sc" },
  5: { text: "Red flag", kind: "red" },
  6: { text: "Virtual safety car", kind: "vsc" },
  7: { text: "Virtual safety car ending", kind: "vsc" },
};

/** The bar of time under the map. */
export class Timeline {
  /**
   * @param {number} durationMs length of the session
   * @param {number} startMs its start
   * @param {(timeMs: number, settled: boolean) => void} onSeek settled is false while the thumb is dragged
   */
  constructor(durationMs, startMs, onSeek) {
    this.durationMs = durationMs;
    this.startMs = startMs;
    this.input = byId("seek", HTMLInputElement);
    this.canvas = byId("bands", HTMLCanvasElement);
    /** @type {{ status: string | null, from: number, to: number }[]} */
    this.runs = [];
    /** @type {Chunk | null} */
    this.overview = null;
    /** How much is painted: no further than this while what is ahead is hidden. */
    this.knownMs = Infinity;
    this.input.max = String(durationMs);
    this.input.oninput = () => onSeek(Number(this.input.value), false);
    this.input.onchange = () => onSeek(Number(this.input.value), true);
  }

  /** @param {Chunk} overview the chunk of the whole session, its track status by second */
  setOverview(overview) {
    if (this.overview === overview) return;
    this.overview = overview;
    const runs = overview.document.track_status;
    /** @param {number} tick of the overview */
    const timeOf = (tick) => overview.startMs + tick * overview.stepMs;
    this.runs = runs.map(([tick, status], i) => ({
      status,
      from: timeOf(tick),
      to: i + 1 < runs.length ? timeOf(runs[i + 1][0]) : overview.endMs,
    }));
    this.paint();
  }

  /** @param {number} knownMs where what is known ends: the present moment while what is ahead is hidden */
  reveal(knownMs) {
    if (this.knownMs === knownMs) return;
    this.knownMs = knownMs;
    this.paint();
  }

  /** Paint the flags in the colours and the size of the moment. */
  paint() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.max(1, width * ratio), Math.max(1, height * ratio)];
    const c = this.canvas.getContext("2d");
    if (!c) return;
    const style = getComputedStyle(document.documentElement);
    c.scale(ratio, ratio);
    for (const { status, from, to: end } of this.runs) {
      const to = Math.min(end, this.knownMs);
      if (to <= from) break;
      const kind = STATUSES[status ?? ""]?.kind ?? "unknown";
      c.fillStyle = style.getPropertyValue(`--flag-${kind}`);
      const x = (from / this.durationMs) * width;
      c.fillRect(x, 0, Math.max(((to - from) / this.durationMs) * width, kind === "clear" ? 0 : 2), height);
    }
    c.fillStyle = style.getPropertyValue("--text");
    c.fillRect((this.startMs / this.durationMs) * width, 0, 1, height);
  }

  /** @param {number} timeMs the moment to stand at */
  show(timeMs) {
    const value = String(Math.round(timeMs));
    if (this.input.value !== value) this.input.value = value;
    this.input.setAttribute("aria-valuetext", hoursText(timeMs - this.startMs));
  }
}
