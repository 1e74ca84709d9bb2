// What race control shows beside the track, drawn on the map: marshal sectors under yellow flags, zones where DRS is used.

/** @import { TrackMap } from "./draw.js" */
/** @import { PlacedMessage } from "./panels.js" */
/** @import { Track } from "./types.d.ts" */

/** Stretches of the track with a meaning. */
export class Marshals {
  /**
   * @param {Track} track as published
   * @param {Float64Array | number[]} distances of the outline's points from the line, m
   * @param {{ x: number[], y: number[] }} outline of the track in metres
   */
  constructor(track, distances, outline) {
    this.distances = distances;
    this.outline = outline;
    const marks = [...(track.marshal_sectors ?? [])].sort((a, b) => a.number - b.number);
    /** @type {Map<number, Path2D>} */
    this.sectors = new Map(marks.map(({ number, distance_m: from }, index) =>
      [number, this.stretch(from, marks[(index + 1) % marks.length].distance_m)]));
    /** @type {Path2D[]} */
    this.zones = (track.drs_zones_m ?? []).map(([from, to]) => this.stretch(from, to));
    /** Flags of sectors at the moment, by their numbers. @type {Map<number, string>} */
    this.flags = new Map();
  }

  /**
   * @param {number} fromM where it begins, m from the line
   * @param {number} toM where it ends
   * @returns {Path2D} that part of the outline, over the line where it ends before it begins
   */
  stretch(fromM, toM) {
    const { x, y } = this.outline;
    /** @param {number} metres from the line */
    const indexOf = (metres) => Math.max(this.distances.findIndex((distance) => distance >= metres), 0);
    const from = indexOf(fromM);
    const count = (indexOf(toM) - from + x.length) % x.length;
    const path = new Path2D();
    for (let index = from; index <= from + count; index++) path.lineTo(x[index % x.length], y[index % x.length]);
    return path;
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
    for (const zone of this.zones) map.stroke(c, zone, 2, map.colors.own);
    for (const number of this.flags.keys()) {
      const sector = this.sectors.get(number);
      if (sector) map.stroke(c, sector, 6, map.colors["flag-yellow"]);
    }
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
