/**
 * @param {Steps} numbers as published
 * @param {number} times how often they are to be summed up
 * @returns {Float64Array} the sums; NaN for null, which is no number
 */
export function sums(numbers: Steps, times: number): Float64Array;
/** A minute of all cars. */
export class SampleChunk {
    /**
     * @param {SamplesDocument} document the minute
     * @param {Declared} declared the manifest's `samples`
     */
    constructor(document: SamplesDocument, declared: Declared);
    document: SamplesDocument;
    channels: Record<string, Sampled>;
    lapLengthM: number | null;
    startMs: number;
    endMs: number;
    stepMs: number;
    fps: number;
    ticks: number;
    cars: string[];
    stamps: {
        car_time: Float64Array<ArrayBufferLike>;
        position_time: Float64Array<ArrayBufferLike>;
    };
    /** By car, then by channel: a key made of both would be made anew for every value. @type {Map<string, Map<string, Curve>>} */
    curves: Map<string, Map<string, Curve>>;
    /** @type {Map<string, Float64Array>} */
    velocities: Map<string, Float64Array>;
    /** @type {Map<string, Set<number>>} */
    breaks: Map<string, Set<number>>;
    /**
     * @param {number} timeMs a moment
     * @returns {number} the tick at or before it, within the minute
     */
    tickAt(timeMs: number): number;
    /**
     * @param {string} car racing number
     * @param {string} name of a channel of numbers
     * @param {number} tick of the minute
     * @returns {number | null} the value, null where it is not known
     */
    number(car: string, name: string, tick: number): number | null;
    /**
     * @param {string} car racing number
     * @param {string} name of a channel held as a text: tyre, state
     * @param {number} tick of the minute
     * @returns {string | null} the value, null where it is not known
     */
    text(car: string, name: string, tick: number): string | null;
    /**
     * @param {number} tick of the minute
     * @returns {string | null} the code of the track status
     */
    trackStatus(tick: number): string | null;
    /**
     * @param {number} tick of the minute
     * @returns {number | null} the lap the leader is on, null where there is no order on track
     */
    leaderLap(tick: number): number | null;
    /**
     * @param {string} car racing number
     * @param {string} name of a channel
     * @param {number} timeMs any moment of the minute
     * @returns {number | string | null} the value in the channel's unit, null where it is not known
     */
    valueAt(car: string, name: string, timeMs: number): number | string | null;
    /**
     * @param {string} car racing number
     * @param {number} timeMs the moment
     * @returns {number | null} metres from the line along the present lap
     */
    lapDistance(car: string, timeMs: number): number | null;
    /**
     * @param {Runs<number | string>} runs of a held channel, by sample or by ms
     * @param {Sampled} channel as it is declared
     * @param {number} timeMs the moment
     * @returns {number | string | null} the last value seen that is not too old
     */
    held(runs: Runs<number | string>, channel: Sampled, timeMs: number): number | string | null;
    /**
     * @param {string} car racing number
     * @param {string} name of a channel of numbers
     * @returns {Curve} its samples, or its knots
     */
    curve(car: string, name: string): Curve;
    /**
     * @param {string} car racing number
     * @param {Curve} curve of x or y
     * @param {0 | 1} axis which of both it is
     * @param {number} timeMs the moment
     * @returns {number | null} the coordinate
     */
    cubic(car: string, curve: Curve, axis: 0 | 1, timeMs: number): number | null;
    /**
     * @param {string} car racing number
     * @returns {Set<number>} times of coordinates that nothing connects to those before
     */
    breaksOf(car: string): Set<number>;
    /**
     * @param {string} car racing number
     * @returns {Float64Array} velocity in x and y at every sample: the direction of the parabola through it and its
     *   neighbours, as fast as was measured; metres a ms
     */
    velocitiesOf(car: string): Float64Array;
}
/**
 * what a manifest says of samples
 */
export type Declared = Manifest["samples"];
/**
 * times in ms and values there, NaN where nothing is known
 */
export type Curve = {
    times: Float64Array;
    values: Float64Array;
};
import type { Steps } from "./types.d.ts";
import type { SamplesDocument } from "./types.d.ts";
import type { Sampled } from "./types.d.ts";
import type { Runs } from "./types.d.ts";
import type { Manifest } from "./types.d.ts";
