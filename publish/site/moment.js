// The state of a session at one moment, read from a chunk; and what laps add to it in sessions without a race.

/**
 * Return every driver's state at a tick, in the published order: on track in a race, else by best lap so far, where a
 * lap in Q2 counts more than any in Q1. `bests` (Bests) is null in a race.
 */
export function carsAt(chunk, tick, drivers, timeMs, bests) {
  const cars = drivers.map((driver) => {
    const value = (name) => chunk.value(driver.number, name, tick);
    const [x, y] = [value("x"), value("y")];
    return {
      number: driver.number,
      driver,
      position: value("position"),
      gap: value("gap"),
      interval: value("interval"),
      lapsDown: value("laps_down"),
      lap: value("lap"),
      tyre: value("tyre"),
      tyreAge: value("tyre_age"),
      state: value("state"),
      x: y === null ? null : x,
      y: x === null ? null : y,
      bestMs: bests ? bests.at(driver.number, timeMs) : null,
    };
  });
  const last = Number.MAX_SAFE_INTEGER;
  return cars.sort((a, b) => (a.position ?? last) - (b.position ?? last));
}

/** Best lap times so far, from the laps document. */
export class Bests {
  constructor(laps) {
    this.byCar = new Map();
    const rows = (laps?.rows ?? []).filter((row) => row.lap_time_ms !== null && row.end_ms !== null && !row.deleted);
    for (const row of rows.sort((a, b) => a.end_ms - b.end_ms)) {
      const steps = this.byCar.get(row.car) ?? [];
      if (!steps.length || row.lap_time_ms < steps.at(-1)[1]) steps.push([row.end_ms, row.lap_time_ms]);
      this.byCar.set(row.car, steps);
    }
  }

  at(car, timeMs) {
    return this.byCar.get(car)?.findLast(([end]) => end <= timeMs)?.[1] ?? null;
  }
}
