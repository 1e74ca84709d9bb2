// The playback clock and how times are written.

/** A clock that runs at any rate between 0 and the last moment, and stands still while data is awaited. */
export class Clock {
  /**
   * @param {number} durationMs length of the session
   * @param {number} lastMs the last moment that can be shown
   */
  constructor(durationMs, lastMs = durationMs) {
    this.durationMs = durationMs;
    this.lastMs = lastMs;
    this.timeMs = 0;
    this.rate = 1;
    this.playing = false;
    /** @type {number | null} */
    this.before = null;
  }

  /** @param {number} timeMs where to go, kept within the session */
  seek(timeMs) {
    this.timeMs = Math.min(Math.max(timeMs, 0), this.lastMs);
  }

  /**
   * Move on to another moment of the screen's clock.
   *
   * @param {number} nowMs that moment
   * @param {boolean} held whether time stands still: data is still to come
   */
  advance(nowMs, held) {
    const passed = this.before === null ? 0 : nowMs - this.before;
    this.before = nowMs;
    if (!this.playing || held) return;
    // A tab in the background gets no frames; a long pause is not made up for.
    this.seek(this.timeMs + Math.min(passed, 1000) * this.rate);
    if (this.timeMs >= this.lastMs) this.playing = false;
  }

  /** Run on, from the beginning where the end is reached. */
  play() {
    if (this.timeMs >= this.lastMs) this.seek(0);
    this.playing = true;
    this.before = null;
  }

  /** Stand still. */
  pause() {
    this.playing = false;
  }
}

/**
 * A length of time with hours: 3723000 -> "1:02:03"; negative ones with a minus.
 *
 * @param {number} ms the length
 * @returns {string} hours, minutes, seconds
 */
export function hoursText(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${ms < 0 && seconds > 0 ? "−" : ""}${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`;
}

/**
 * A length of time without hours: 462000 -> "7:42"; what has begun counts.
 *
 * @param {number} ms the length
 * @returns {string} minutes, seconds
 */
export function minutesText(ms) {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * A lap time: 92608 -> "1:32.608".
 *
 * @param {number} ms the time
 * @returns {string} minutes, seconds, thousandths
 */
export function lapText(ms) {
  const seconds = (ms % 60000) / 1000;
  const minutes = Math.floor(ms / 60000);
  return minutes ? `${minutes}:${seconds.toFixed(3).padStart(6, "0")}` : seconds.toFixed(3);
}
