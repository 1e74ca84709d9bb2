// A replay that runs together with a video of the broadcast: started at the same moment, shifted until it fits, and the
// video's own time beside the session's.

import { hoursText } from "./clock.js";
import { openDialog } from "./dialog.js";
import { byId, element, setText } from "./dom.js";

/** @import { Player } from "./player.js" */

const STORED_AS = "parcferme-video";
const REMEMBERED = 50;
const NUDGES_MS = [-1000, -100, 100, 1000];

/** What a video of the session shows at a moment, and keeping pace with it. */
export class Video {
  /** @param {Player} player of the session */
  constructor(player) {
    this.player = player;
    this.key = String(player.session.key);
    /** By how much the video's time is more than the session's; null while nobody has said. @type {number | null} */
    this.offsetMs = readOffsets()[this.key] ?? null;
    /** Whether time is to go on while the page is not seen. */
    this.isTogether = false;
    /** @type {{ timeMs: number, atMs: number } | null} */
    this.left = null;
    this.onSeen = () => this.keepPace();
    document.addEventListener("visibilitychange", this.onSeen);
  }

  /** Start at 1× this very moment, and keep the video's pace from now on. */
  start() {
    const { player } = this;
    this.isTogether = true;
    player.setRate(1);
    byId("rate", HTMLSelectElement).value = "1";
    if (!player.clock.playing) player.play();
  }

  /** A page that is not seen gets no frames: what has passed meanwhile is made up for. */
  keepPace() {
    const { clock } = this.player;
    const nowMs = performance.now();
    if (document.hidden) this.left = this.isTogether && clock.playing ? { timeMs: clock.timeMs, atMs: nowMs } : null;
    else if (this.left) {
      this.player.seek(this.left.timeMs + (nowMs - this.left.atMs) * clock.rate);
      this.left = null;
    }
  }

  /** @param {number} byMs by how much the replay is to be later (more) or earlier (less) against the video */
  nudge(byMs) {
    if (this.offsetMs !== null) this.setOffset(this.offsetMs - byMs);
    this.player.seek(this.player.clock.timeMs + byMs);
  }

  /** @param {number} offsetMs by how much the video's time is more than the session's */
  setOffset(offsetMs) {
    this.offsetMs = offsetMs;
    const others = Object.entries(readOffsets()).filter(([key]) => key !== this.key);
    writeOffsets(Object.fromEntries([...others.slice(-REMEMBERED), [this.key, offsetMs]]));
    this.show(this.player.clock.timeMs);
  }

  /** @param {number} timeMs the moment, of which the video's time is shown */
  show(timeMs) {
    setText(byId("video-time"), this.offsetMs === null ? "" : `Video ${hoursText(timeMs + this.offsetMs)}`);
  }

  /** Ask how the video stands, and start with it. */
  open() {
    const { player } = this;
    const start = element("button", { type: "button" }, "Start now (s)");
    const dialog = openDialog("Together with a video",
      element("p", {}, "Go to a moment you will recognise, lights out for example. When the video shows it, press s, or the button: the replay runs from there at 1× and keeps pace, also while this page is not seen."),
      element("p", { class: "row" }, start, ...NUDGES_MS.map((byMs) => this.nudgeButton(byMs))),
      element("p", { class: "muted" }, "The buttons with seconds, or the keys − and + by a tenth, shift the replay against the video."),
      timeForm("The video shows now", "Remember", (videoMs) => this.setOffset(videoMs - player.clock.timeMs)),
      timeForm("Go to the video's time", "Go", (videoMs) => {
        if (this.offsetMs === null) return "Say first what the video shows now.";
        player.seek(videoMs - this.offsetMs);
        return "";
      }));
    start.addEventListener("click", () => {
      dialog.close();
      this.start();
    });
  }

  /**
   * @param {number} byMs how far it shifts
   * @returns {HTMLElement} the button
   */
  nudgeButton(byMs) {
    const button = element("button", { type: "button" }, `${byMs > 0 ? "+" : "−"}${Math.abs(byMs) / 1000} s`);
    button.addEventListener("click", () => this.nudge(byMs));
    return button;
  }

  /** Listen no more. */
  dispose() {
    document.removeEventListener("visibilitychange", this.onSeen);
    setText(byId("video-time"), "");
  }
}

/**
 * @param {string} label of the field
 * @param {string} action of the button
 * @param {(ms: number) => string | void} onTime called with the time; may say what is wrong
 * @returns {HTMLElement} a form for a time of a video
 */
function timeForm(label, action, onTime) {
  const field = element("input", { type: "text", class: "field", autocomplete: "off", placeholder: "1:02:03.5", "aria-label": label });
  const said = element("span", { class: "muted", role: "status" });
  const form = element("form", { class: "row" }, element("span", {}, label), field, element("button", { type: "submit" }, action), said);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const ms = parseVideoTime(field.value);
    setText(said, ms === null ? "Write a time like 1:02:03.5." : onTime(ms) ?? "Done.");
  });
  return form;
}

/**
 * @param {string} text hours, minutes and seconds; or minutes and seconds
 * @returns {number | null} milliseconds; null if it is none
 */
export function parseVideoTime(text) {
  const found = /^(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)$/.exec(text.trim());
  if (!found) return null;
  const [, hours = "0", minutes, seconds] = found;
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000);
}

/** @returns {Record<string, number>} offsets that were said before, by session */
function readOffsets() {
  try {
    const kept = Object.entries(Object(JSON.parse(localStorage.getItem(STORED_AS) ?? "{}")));
    return Object.fromEntries(kept.filter(([, offset]) => Number.isFinite(offset)));
  } catch {
    return {};
  }
}

/** @param {Record<string, number>} offsets to be kept; a browser that keeps nothing forgets them with the page */
function writeOffsets(offsets) {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(offsets));
  } catch (error) {
    console.warn("This browser does not keep the video's time:", error);
  }
}
