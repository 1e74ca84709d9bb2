// The parts of a session in which cars drive for a time: Q1, Q2 and Q3, or a practice; their clock and who goes on.

import { minutesText } from "./clock.js";

/** @import { Part } from "./types.d.ts" */

/** The parts of a session; none of a race. */
export class Parts {
  /** @param {Part[]} parts as the manifest names them */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * The part that began last.
   *
   * @param {number} timeMs the moment
   * @returns {number} its index, -1 before the first
   */
  indexAt(timeMs) {
    return this.parts.findLastIndex((part) => part.start_ms <= timeMs);
  }

  /**
   * The part a lap counts in, as in the published order: the one in which it was begun.
   *
   * @param {number} begunMs when it was begun
   * @returns {number} its index
   */
  indexOfLap(begunMs) {
    return this.parts.slice(1).filter((part) => part.start_ms <= begunMs).length;
  }

  /**
   * The clock of the session in words.
   *
   * @param {number} timeMs the moment
   * @returns {string} "Q2 · 7:42 left"; empty without parts
   */
  clockText(timeMs) {
    const index = this.indexAt(timeMs);
    const [part, next] = [this.parts[index], this.parts[index + 1]];
    const follows = next ? `${next.name} in ${minutesText(next.start_ms - timeMs)}` : "";
    if (!part) return follows;
    if (part.end_ms === null) return part.name;
    if (timeMs >= part.end_ms) return [`${part.name} has ended`, ...(follows ? [follows] : [])].join(" · ");
    const isStopped = part.stopped_ms.some(([from, to]) => from <= timeMs && timeMs < to);
    return `${part.name} · ${minutesText(leftMs(part, part.end_ms, timeMs))} left${isStopped ? ", clock stopped" : ""}`;
  }

  /**
   * Where the line lies below which cars go out.
   *
   * @param {number} timeMs the moment
   * @returns {{ after: number, name: string } | null} the last position that goes on, and the part; null without a line
   */
  cutAt(timeMs) {
    const part = this.parts[this.indexAt(timeMs)];
    return part && part.advance !== null ? { after: part.advance, name: part.name } : null;
  }

  /**
   * The part after which a car had to stop.
   *
   * @param {number | null} position at the moment, null without a time
   * @param {number} timeMs the moment
   * @returns {string | null} its name, null while the car is in
   */
  outIn(position, timeMs) {
    const over = this.parts.slice(0, Math.max(this.indexAt(timeMs), 0));
    return over.find(({ advance }) => advance !== null && (position ?? Infinity) > advance)?.name ?? null;
  }
}

/**
 * @param {Part} part that runs
 * @param {number} endMs its end
 * @param {number} timeMs the moment
 * @returns {number} what is left on its clock
 */
function leftMs(part, endMs, timeMs) {
  const stoppedMs = part.stopped_ms.reduce((sum, [from, to]) => sum + Math.max(Math.min(to, endMs) - Math.max(from, timeMs), 0), 0);
  return endMs - timeMs - stoppedMs;
}
