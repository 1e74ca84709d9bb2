/** @import { LapRow, MessageRow } from "./types.d.ts" */
/**
 * Something that happened, for a mark on a time line.
 *
 * @typedef {object} Happening
 * @property {"flag" | "pit" | "place"} type a flag of race control, a visit to the pit lane, a place won or lost at the line
 * @property {number} timeMs when
 * @property {string | null} car racing number, null where it is nobody's
 * @property {string} text in words
 */
/**
 * Everything that happened, in the order of time.
 *
 * @param {LapRow[]} laps of all cars
 * @param {MessageRow[]} messages of race control
 * @param {boolean} isRace whether cars race each other, so that places are won on track
 * @returns {Happening[]} what happened
 */
export function happeningsOf(laps: LapRow[], messages: MessageRow[], isRace: boolean): Happening[];
/**
 * Something that happened, for a mark on a time line.
 */
export type Happening = {
    /**
     * a flag of race control, a visit to the pit lane, a place won or lost at the line
     */
    type: "flag" | "pit" | "place";
    /**
     * when
     */
    timeMs: number;
    /**
     * racing number, null where it is nobody's
     */
    car: string | null;
    /**
     * in words
     */
    text: string;
};
import type { LapRow } from "./types.d.ts";
import type { MessageRow } from "./types.d.ts";
