// Reading published documents. Every failure is a LoadError whose message says what happened and what to do.

/** Where the published data begins: the folder above this module's. */
export const BASE = new URL("../", import.meta.url);

export class LoadError extends Error {
  constructor(message, status = null) {
    super(message);
    this.name = "LoadError";
    this.status = status;
  }
}

class BrokenDocument extends LoadError {}

/** Return the JSON at `key` (relative to the base). Throws LoadError, or AbortError when `signal` was aborted. */
export async function readJson(key, { signal, priority } = {}) {
  try {
    return await readOnce(key, { signal, priority });
  } catch (error) {
    if (!(error instanceof BrokenDocument)) throw error;
    // A revision's objects stay in the browser's cache for a year, and so would one that arrived broken.
    return readOnce(key, { signal, priority, cache: "reload" });
  }
}

async function readOnce(key, options) {
  let response;
  try {
    response = await fetch(new URL(key, BASE), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new LoadError(networkProblem(key));
  }
  if (!response.ok) throw new LoadError(statusProblem(key, response.status), response.status);
  let bytes;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new BrokenDocument(`${key} broke off while it was loading. Check the connection, then try again.`);
  }
  try {
    return JSON.parse(new TextDecoder().decode(isGzip(bytes) ? await gunzip(bytes) : bytes));
  } catch {
    throw new BrokenDocument(
      `${key} is not readable JSON. Try again; if it stays, whoever publishes this data should publish the session again.`,
    );
  }
}

function networkProblem(key) {
  if (location.protocol === "file:") {
    return 'This page was opened from the disk, where a browser reads no data. Run "parcferme serve" and open the address it prints.';
  }
  return `The server did not answer for ${key}. Check the connection, then try again.`;
}

function statusProblem(key, status) {
  if (status === 404) return `${key} is not there (404).`;
  if (status === 403) return `The server refuses ${key} (403): it is not there or not public. Ask whoever publishes this data.`;
  return `The server answered ${status} for ${key}. Try again in a minute.`;
}

// A plain file server does not say Content-Encoding: gzip, so that the browser leaves .json.gz as it is.
function isGzip(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
