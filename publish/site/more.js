// What the first painted frame does without: details of the board, dialogs.

import { Details } from "./board_details.js";
import { lapText } from "./clock.js";
import { byId, setText } from "./dom.js";
import { LapTimes } from "./lap_times.js";

/** @import { Car } from "./moment.js" */
/** @import { Player } from "./player.js" */
/** @import { LapRow, ResultRow } from "./types.d.ts" */

/** What comes to a replay after its first frame. */
export class More {
  /**
   * @param {Player} player of the session
   * @param {{ laps: LapRow[], results: ResultRow[] }} rows of its documents
   */
  constructor(player, { laps, results }) {
    const { session, view } = player;
    this.player = player;
    this.results = results;
    this.laps = new LapTimes(laps, session.parts);
    /** Whether the moment shown is after the end. */
    this.isOver = false;
    view.board.details = new Details(this.laps, {
      parts: session.parts, isRace: session.isRace, startMs: session.startMs, results,
      isRed: (timeMs) => view.timeline.runs.some(({ status, from, to }) => status === "5" && from <= timeMs && timeMs < to),
    });
  }

  /**
   * @param {Car[]} cars at the moment
   * @param {number} timeMs the moment
   */
  show(cars, timeMs) {
    this.isOver = cars.some(({ state }) => state === "finished") && !cars.some(({ state }) => state === "running" || state === "pit");
    const note = byId("board-note");
    const text = this.player.session.isRace ? this.fastestText(timeMs) : this.idealText(timeMs);
    note.hidden = !text;
    setText(note, text);
  }

  /**
   * @param {number} timeMs the moment
   * @returns {string} who has driven the fastest lap so far
   */
  fastestText(timeMs) {
    const best = this.laps.best(null, timeMs);
    return best ? `Fastest lap: ${this.codeOf(best.car)} ${lapText(best.ms)} (lap ${best.lap})` : "";
  }

  /**
   * @param {number} timeMs the moment
   * @returns {string} the best three sectors of the part so far, of whoever drove them
   */
  idealText(timeMs) {
    const { parts } = this.player.session;
    const index = Math.max(parts.indexAt(timeMs), 0);
    const ideal = this.laps.ideal(null, timeMs, index);
    if (!ideal) return "";
    const name = parts.parts.length > 1 ? ` of ${parts.parts[index]?.name}` : "";
    return `Ideal lap${name}: ${lapText(ideal.ms)} (${ideal.cars.map((car) => this.codeOf(car)).join(", ")})`;
  }

  /**
   * @param {string} car racing number
   * @returns {string} code of its driver
   */
  codeOf(car) {
    return this.player.session.manifest.drivers.find(({ number }) => number === car)?.code ?? car;
  }

  /** @param {"columns" | "classification"} what is asked for */
  async open(what) {
    try {
      const { session, view } = this.player;
      if (what === "columns") (await import("./column_chooser.js")).chooseColumns(view.board);
      else (await import("./classification.js")).openClassification(this.results, session.manifest.drivers, { isRace: session.isRace, isOver: this.isOver });
    } catch (error) {
      this.player.report(error);
    }
  }
}

/**
 * Begin what the first frame did without.
 *
 * @param {Player} player of the session
 * @param {{ laps: LapRow[], results: ResultRow[] }} rows of its documents
 * @returns {More} it
 */
export function openMore(player, rows) {
  return new More(player, rows);
}
