// The example of develop.html: the page shows this very text and runs it.

/**
 * Show who drives how fast, five times a second, from a minute after the start of the newest session with telemetry.
 *
 * @param {typeof import("./parcferme.js").openSite} openSite of v1/reader/parcferme.js
 * @param {string} base address of the published data
 * @param {HTMLElement} place where it is shown
 * @returns {Promise<void>} when it runs
 */
export async function example(openSite, base, place) {
  const site = openSite(base);
  const [year] = await site.seasons();
  const { events } = await site.season(year);
  const published = events.flatMap(({ sessions }) => sessions).filter(({ state }) => state === "published");
  const newest = published.findLast(({ capabilities }) => capabilities?.telemetry) ?? published.at(-1);
  const session = await site.session(Number(newest?.session_key));
  let ms = (session.startMs ?? 0) + 60_000;
  setInterval(async () => {
    const { cars, leaderLap } = await session.at(ms);
    const lines = cars.slice(0, 10).map(({ driver, channels }) => `${channels.position ?? "–"} ${driver.code} ${channels.speed ?? "–"} km/h`);
    place.textContent = `${session.manifest.event.name} ${session.manifest.year}, lap ${leaderLap ?? "–"}\n${lines.join("\n")}`;
    ms = Math.min(ms + 200, session.durationMs - 200);
  }, 200);
}
