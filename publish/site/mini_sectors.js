// Mini-sectors of the lap a car is on, in small marks below its sectors: as live timing had coloured them by the moment.

import { element, setClass } from "./dom.js";

/** @import { MiniSectorRow } from "./types.d.ts" */

const MOST_MINIS = 20; // nine are the most seen
/** @type {Record<string, string>} */
const KINDS = { purple: "overall", green: "own", yellow: "other", pit: "pit" };

/**
 * @param {MiniSectorRow} row of the document
 * @returns {boolean} whether there is a place for it: a sector that cells are for, and no more marks than can be seen
 */
function isMark({ sector, mini_sector: mini }) {
  return sector >= 1 && sector <= 3 && mini >= 1 && mini <= MOST_MINIS;
}

/** The colours of a session, asked at a moment. */
export class MiniSectors {
  /** @param {MiniSectorRow[]} rows of the document, by car and time */
  constructor(rows) {
    /** @type {Map<string, MiniSectorRow[]>} */
    this.byCar = new Map();
    /** How many mini-sectors each sector has. */
    this.counts = [0, 0, 0];
    for (const row of rows.filter(isMark)) {
      const own = this.byCar.get(row.car);
      if (own) own.push(row);
      else this.byCar.set(row.car, [row]);
      this.counts[row.sector - 1] = Math.max(this.counts[row.sector - 1], row.mini_sector);
    }
    /** @type {WeakMap<HTMLElement, HTMLElement>} */
    this.marks = new WeakMap();
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {string[][]} the colours of each sector, of the lap of which a mini-sector was left last; "" without one
   */
  at(car, timeMs) {
    const rows = this.byCar.get(car) ?? [];
    const colors = this.counts.map((count) => /** @type {string[]} */ (Array(count).fill("")));
    const last = rows.findLastIndex((row) => row.time_ms <= timeMs);
    for (let i = last; i >= 0 && rows[i].lap === rows[last].lap; i--) {
      const { sector, mini_sector: mini, color } = rows[i];
      colors[sector - 1][mini - 1] ||= color ?? "unknown";
    }
    return colors;
  }

  /**
   * @param {HTMLTableCellElement[]} cells of the three sectors of a car
   * @param {string} car racing number
   * @param {number} timeMs the moment
   */
  show(cells, car, timeMs) {
    this.at(car, timeMs).forEach((colors, index) => {
      const cell = cells[index];
      if (!cell || !colors.length) return;
      const marks = this.marks.get(cell) ?? element("span", { class: "minis", role: "img" }, ...colors.map(() => element("i")));
      this.marks.set(cell, marks);
      const words = `Mini-sectors: ${colors.map((color) => color || "–").join(", ")}`;
      if (marks.title !== words) {
        marks.title = words;
        marks.setAttribute("aria-label", words);
        colors.forEach((color, i) => setClass(marks.children[i], KINDS[color] ?? ""));
      }
      // A time that is written anew takes everything else out of its cell.
      if (marks.parentElement !== cell) cell.append(marks);
    });
  }
}
