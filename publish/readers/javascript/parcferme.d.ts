/**
 * Open what is published at an address.
 *
 * @param {string | URL} url where `index.json` lies
 * @param {{ fetch?: Ask }} options `fetch` asks the server in place of the global one
 * @returns {Site} the site; nothing is asked for yet
 */
export function openSite(url: string | URL, options?: {
    fetch?: Ask;
}): Site;
/** A revision of a session. Times are milliseconds of its own clock, which begins at 0. */
export class Session {
    /**
     * @param {Library} library of the site
     * @param {Manifest} manifest of the revision
     * @param {string} folder key of the revision's folder
     */
    constructor(library: Library, manifest: Manifest, folder: string);
    library: Library;
    manifest: Manifest;
    folder: string;
    key: number;
    drivers: Driver[];
    durationMs: number;
    /** Lights out of a race, null elsewhere. */
    startMs: number | null;
    /** Names of what every car has at a moment. */
    channels: string[];
    /** @type {Map<number, Promise<Chunk | SampleChunk>>} */
    minutes: Map<number, Promise<Chunk | SampleChunk>>;
    /**
     * Every car at a moment, interpolated as the manifest declares. Throws LoadError.
     *
     * @param {number} timeMs the moment
     * @param {Options} options of the waiting
     * @returns {Promise<Moment>} the session then
     */
    at(timeMs: number, options?: Options): Promise<Moment>;
    /**
     * Have what is needed from one moment to another, so that `at` answers at once; as much as is kept in memory.
     *
     * @param {number} fromMs the first moment
     * @param {number} toMs the last
     * @param {Options} options of the waiting
     */
    prefetch(fromMs: number, toMs: number, options?: Options): Promise<void>;
    /**
     * What one car did from one moment to another, at even steps and at the end: a lap, for example. Throws LoadError.
     *
     * @param {string} car racing number
     * @param {number} fromMs the first moment
     * @param {number} toMs the last
     * @param {{ channels?: string[], stepMs?: number, signal?: AbortSignal | undefined }} options `channels` that are
     *   wanted, else all; `stepMs` between two moments; `signal` ends the waiting
     * @returns {Promise<Trace>} the channels, interpolated as the manifest declares
     */
    trace(car: string, fromMs: number, toMs: number, { channels, stepMs, signal }?: {
        channels?: string[];
        stepMs?: number;
        signal?: AbortSignal | undefined;
    }): Promise<Trace>;
    /**
     * One of the session's documents: laps, results, messages, weather, track, quality. Throws LoadError.
     *
     * @template {keyof Documents} Name
     * @param {Name} name of the document
     * @param {Options} options of the waiting
     * @returns {Promise<Documents[Name] | null>} the document, null where the session has none
     */
    read<Name extends keyof Documents>(name: Name, options?: Options): Promise<Documents[Name] | null>;
    /**
     * @param {Options} options of the waiting
     * @returns {Promise<LapRow[]>} every lap of every car
     */
    laps(options?: Options): Promise<LapRow[]>;
    /**
     * @param {Options} options of the waiting
     * @returns {Promise<MessageRow[]>} what race control said
     */
    messages(options?: Options): Promise<MessageRow[]>;
    /**
     * Flags, visits to the pit lane, and places won or lost at the line, in the order of time.
     *
     * @param {Options} options of the waiting
     * @returns {Promise<Happening[]>} what happened
     */
    events(options?: Options): Promise<Happening[]>;
    /**
     * Frames of a race in the older row format, one at a time and from samples: the whole is 340 MB of JSON.
     *
     * @param {{ skip?: number, signal?: AbortSignal }} options every `skip`-th of 25 frames a second (1 to 10)
     * @yields {{ t: number, lap: number | null, drivers: Record<string, Record<string, number>> }} a frame
     */
    rows({ skip, signal }?: {
        skip?: number;
        signal?: AbortSignal;
    }): AsyncGenerator<{
        t: number;
        lap: number | null;
        drivers: any;
    }, void, unknown>;
    /**
     * @param {Car} car at a moment
     * @param {number} origin metres at the start
     * @returns {Record<string, number>} the same in the older format
     */
    row({ channels }: Car, origin: number): Record<string, number>;
    /**
     * @param {number} timeMs a moment
     * @returns {Promise<Chunk | SampleChunk>} the minute it lies in; the same for all who ask while it is kept
     */
    minuteAt(timeMs: number): Promise<Chunk | SampleChunk>;
    /**
     * @param {string} tier samples or frames
     * @returns {[number, string][]} what is published of it, a minute each
     */
    filesOf(tier: string): [number, string][];
    /**
     * @param {number} index of a minute
     * @returns {Promise<Chunk | SampleChunk>} its samples, or its frames where those cannot be had
     */
    readMinute(index: number): Promise<Chunk | SampleChunk>;
    /**
     * @param {Chunk | SampleChunk} minute that has the moment
     * @param {number} timeMs the moment
     * @returns {Moment} the session then
     */
    momentIn(minute: Chunk | SampleChunk, timeMs: number): Moment;
}
/** What is published at one address. */
export class Site {
    /** @param {Library} library its documents */
    constructor(library: Library);
    library: Library;
    /**
     * The years that are published, newest first. Throws LoadError.
     *
     * @param {Options} options of the waiting
     * @returns {Promise<number[]>} the years
     */
    seasons(options?: Options): Promise<number[]>;
    /**
     * The events and sessions of a year. Throws LoadError.
     *
     * @param {number} year of the season
     * @param {Options} options of the waiting
     * @returns {Promise<Season>} the document
     */
    season(year: number, options?: Options): Promise<Season>;
    /**
     * The current revision of a session: by Formula 1's key of it alone, or by year, round (or name of the event) and
     * code. Throws LoadError.
     *
     * @param {number} keyOrYear the session's key, or with the other two the year
     * @param {number | string | Options} [round] or a part of the event's name
     * @param {string} [code] R, S, Q, SQ, FP1, FP2 or FP3
     * @param {Options} [options] of the waiting
     * @returns {Promise<Session>} the session
     */
    session(keyOrYear: number, round?: number | string | Options, code?: string, options?: Options): Promise<Session>;
    /**
     * @param {number} key of the session
     * @param {Options} options of the waiting
     * @returns {Promise<Session>} its current revision
     */
    open(key: number, options: Options): Promise<Session>;
}
export { LoadError };
/**
 * `signal` ends the waiting; what others wait for goes on
 */
export type Options = {
    signal?: AbortSignal | undefined;
};
/**
 * A car at a moment. Every channel of the manifest is there under its name, in its unit; null is what is not known.
 */
export type Car = {
    /**
     * racing number
     */
    number: string;
    /**
     * who drives it
     */
    driver: Driver;
    /**
     * every channel, `lap_distance` too
     */
    channels: Record<string, number | string | null>;
};
/**
 * A session at a moment.
 */
export type Moment = {
    /**
     * since the beginning of the session's clock
     */
    timeMs: number;
    /**
     * code of the track status
     */
    trackStatus: string | null;
    /**
     * lap the leader is on
     */
    leaderLap: number | null;
    /**
     * by position; those without one last, by number
     */
    cars: Car[];
    /**
     * from samples, at the very moment; else from the frame before it
     */
    isInterpolated: boolean;
};
/**
 * Channels of one car at moments one after the other; null is what is not known.
 */
export type Trace = {
    /**
     * the moments
     */
    timesMs: number[];
    /**
     * by name, a value for each moment
     */
    channels: Record<string, (number | string | null)[]>;
};
import type { Ask } from "./documents.js";
import { Library } from "./documents.js";
import type { Manifest } from "./types.d.ts";
import type { Driver } from "./types.d.ts";
import { Chunk } from "./decode.js";
import { SampleChunk } from "./samples.js";
import type { Documents } from "./types.d.ts";
import type { LapRow } from "./types.d.ts";
import type { MessageRow } from "./types.d.ts";
import type { Happening } from "./happenings.js";
import type { Season } from "./types.d.ts";
import { LoadError } from "./documents.js";
