// What race control shows beside the track, drawn on the map: marshal sectors under yellow flags, zones where DRS is used.

/** @import { TrackMap } from "./draw.js" */
/** @import { PlacedMessage } from "./panels.js" */
/** @import { Track } from "./types.d.ts" */

/** @typedef {{ from: number, to: number }} Stretch of the outline: indices of its points; over the line where `to` is less */

/** Stretches of the track with a meaning. */
export class Marshals {
  /**
   * @param {Track} track as published
   * @param {Float64Array | number[]} distances of the outline's points from the line, m
   */
  constructor(track, distances) {
    this.distances = distances;
    const marks = [...(track.marshal_sectors ?? [])].sort((a, b) => a.number - b.number);
    /** @type {Map<number, Stretch>} */
    this.sectors = new Map(marks.map(({ number, distance_m: from }, index) =>
      [number, this.stretch(from, marks[(index + 1) % marks.length].distance_m)]));
    /** @type {Stretch[]} */
    this.zones = (track.drs_zones_m ?? []).map(([from, to]) => this.stretch(from, to));
    /** Flags of sectors at the moment, by their numbers. @type {Map<number, string>} */
    this.flags = new Map();
  }

  /**
   * @param {number} fromM where it begins, m from the line
   * @param {number} toM where it ends
   * @returns {Stretch} the same in points of the outline
   */
  stretch(fromM, toM) {
    /** @param {number} metres from the line */
    const indexOf = (metres) => {
      const index = this.distances.findIndex((distance) => distance >= metres);
      return index < 0 ? 0 : index;
    };
    return { from: indexOf(fromM), to: indexOf(toM) };
  }

  /** @param {PlacedMessage[]} said by race control up to the moment */
  hear(said) {
    this.flags = sectorFlags(said);
  }

  /**
   * @param {CanvasRenderingContext2D} c where to draw, below the cars
   * @param {TrackMap} map the track
   */
  draw(c, map) {
    const style = getComputedStyle(document.documentElement);
    c.lineJoin = "round";
    for (const zone of this.zones) this.line(c, map, zone, 2, style.getPropertyValue("--own"));
    for (const [number] of this.flags) {
      const sector = this.sectors.get(number);
      if (sector) this.line(c, map, sector, 6, style.getPropertyValue("--flag-yellow"));
    }
  }

  /**
   * @param {CanvasRenderingContext2D} c where to draw
   * @param {TrackMap} map the track
   * @param {Stretch} stretch of it
   * @param {number} width of the line
   * @param {string} color of the line
   */
  line(c, map, { from, to }, width, color) {
    const { x, y } = map.track;
    const count = (to - from + x.length) % x.length;
    c.beginPath();
    for (let step = 0; step <= count; step += 1) {
      const index = (from + step) % x.length;
      c.lineTo(...map.place(x[index], y[index]));
    }
    c.lineWidth = width * Math.sqrt(map.zoom);
    c.strokeStyle = color;
    c.stroke();
  }
}

/**
 * Flags that are shown in marshal sectors.
 *
 * @param {PlacedMessage[]} said by race control up to the moment
 * @returns {Map<number, string>} `YELLOW` or `DOUBLE YELLOW` by number of the sector
 */
export function sectorFlags(said) {
  /** @type {Map<number, string>} */
  const flags = new Map();
  for (const { flag, scope, sector } of said) {
    if (scope === "Track" && flag !== "CHEQUERED") flags.clear();
    else if (scope === "Sector" && sector !== null && flag?.endsWith("YELLOW")) flags.set(sector, flag);
    else if (scope === "Sector" && sector !== null) flags.delete(sector);
  }
  return flags;
}
