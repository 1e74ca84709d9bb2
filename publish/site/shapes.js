// Whether a minute is what its schema says: who reads one takes that for granted, and asks of it sixty times a second.

/** @import { Channel, Sampled } from "./types.d.ts" */

/**
 * @param {any} document a run of frames
 * @param {Record<string, Channel>} channels the manifest's `frames.channels`
 * @returns {string | null} what of it is not as its schema says
 */
export function framesProblem(document, channels) {
  if (!(Number.isFinite(document.fps) && document.fps > 0)) return "fps";
  if (!(Number.isSafeInteger(document.ticks) && document.ticks > 0)) return "ticks";
  if (!Number.isSafeInteger(document.start_ms)) return "start_ms";
  return heldProblem(document) ?? carsProblem(document.cars, (name, encoded) => {
    const channel = Object.hasOwn(channels, name) ? channels[name] : null;
    return !channel || (channel.kind === "held" ? isRuns(encoded) : isSteps(encoded));
  });
}

/**
 * @param {any} document a minute of samples
 * @param {Record<string, Sampled>} channels the manifest's `samples.channels`
 * @returns {string | null} what of it is not as its schema says
 */
export function samplesProblem(document, channels) {
  for (const name of ["start_ms", "end_ms"]) if (!Number.isSafeInteger(document[name])) return name;
  if (document.end_ms <= document.start_ms) return "end_ms";
  for (const name of ["car_time", "position_time"]) if (!isTimes(document[name])) return name;
  return heldProblem(document) ?? carsProblem(document.cars, (name, encoded) => {
    if (name === "breaks") return isSteps(encoded);
    const channel = Object.hasOwn(channels, name) ? channels[name] : null;
    if (!channel) return true;
    if (channel.interpolation === "held") return isRuns(encoded);
    if (channel.time !== "own") return isSteps(encoded) && encoded.length === document[channel.time].length;
    const [times, numbers] = Array.isArray(encoded) ? encoded : [];
    return isTimes(times) && isSteps(numbers) && numbers.length === times.length;
  });
}

/**
 * @param {any} document of frames or samples
 * @returns {string | null} what is wrong with that of which there is one for all cars
 */
function heldProblem(document) {
  return ["track_status", "leader_lap"].find((name) => !isRuns(document[name])) ?? null;
}

/**
 * @param {any} cars of a minute, by racing number
 * @param {(name: string, encoded: any) => boolean} isChannel whether a car's channel can be read
 * @returns {string | null} what is wrong with them
 */
function carsProblem(cars, isChannel) {
  if (!isObject(cars)) return "cars";
  for (const [number, car] of Object.entries(cars)) {
    if (!isObject(car)) return `car ${number}`;
    for (const [name, encoded] of Object.entries(car)) if (!isChannel(name, encoded)) return `${name} of car ${number}`;
  }
  return null;
}

/**
 * @param {any} value of JSON
 * @returns {boolean} whether it is an object
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {any} value of JSON
 * @returns {boolean} whether it is integers, null in a gap
 */
function isSteps(value) {
  return Array.isArray(value) && value.every((step) => step === null || Number.isSafeInteger(step));
}

/**
 * @param {any} value of JSON
 * @returns {boolean} whether it is ascending times: the first one, then differences
 */
function isTimes(value) {
  return Array.isArray(value) && value.every((step, index) => Number.isSafeInteger(step) && (index === 0 || step > 0));
}

/**
 * @param {any} value of JSON
 * @returns {boolean} whether it is the runs of a held channel
 */
function isRuns(value) {
  return Array.isArray(value) && value.every((run) => Array.isArray(run) && Number.isSafeInteger(run[0]) && isHeld(run[1]));
}

/**
 * @param {any} value of JSON
 * @returns {boolean} whether a channel can hold it
 */
function isHeld(value) {
  return value === null || typeof value === "string" || Number.isFinite(value);
}
