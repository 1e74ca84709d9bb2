// What to paste into a tool to read a table, for a chosen season, session and table.

import { byId, element, setText } from "./dom.js";
import { BASE, isAbort, LoadError, readDocument, readJson } from "./fetch.js";
import { learnSessionTypes, sessionName } from "./session_types.js";
import { snippetsFor } from "./snippets.js";

/** @import { Season, SiteIndex } from "./types.d.ts" */

/** @typedef {{ table: string, url: string }} SeasonTable one file for a season */
/** @typedef {{ row: string, sorted_by: string[], files: string[], csv: string[] }} Table what the dictionary says of it */

const SEASON = "season", ALL = "all";
const PLACES = { year: byId("year", HTMLSelectElement), table: byId("table", HTMLSelectElement), scope: byId("scope", HTMLSelectElement) };

/** @type {{ index: SiteIndex, tables: Record<string, Table> } | null} */
let site = null;
/** @type {{ season: Season, bySeason: Set<string> } | null} */
let year = null;

async function start() {
  const index = await readDocument("index", "index.json");
  learnSessionTypes(index);
  const { tables } = await readJson("v1/schemas/columns.json");
  if (!index.seasons.length) throw new LoadError("No season is published here yet.");
  site = { index, tables };
  byId("described").hidden = !index.links?.data_package || !index.links?.croissant;
  fill(PLACES.year, index.seasons.map((entry) => [String(entry.year), String(entry.year)]), asked("year"));
  const table = asked("table") ?? "";
  fill(PLACES.table, Object.keys(tables).sort().map((name) => [name, name]), Object.hasOwn(tables, table) ? table : "laps");
  await showYear();
}

async function showYear() {
  const link = site?.index.seasons.find((entry) => String(entry.year) === PLACES.year.value);
  if (!site || !link) return;
  const files = site.index.links?.[`files_${link.year}`];
  const [season, listed] = await Promise.all([
    readDocument("season", link.index),
    typeof files === "string" ? readJson(files) : { season_tables: [] },
  ]);
  year = { season, bySeason: new Set(listed.season_tables.map((/** @type {SeasonTable} */ one) => one.table)) };
  showScopes(asked("of"));
}

/** @param {string | null | undefined} chosen what is to be chosen, if there is that */
function showScopes(chosen = PLACES.scope.value) {
  if (!site || !year) return;
  const table = PLACES.table.value;
  /** @type {[string, string][]} */
  const scopes = [];
  const { files } = site.tables[table];
  if (files.includes("session")) {
    for (const event of year.season.events) {
      for (const session of event.sessions) {
        if (session.state === "published" && session.session_key !== null) {
          scopes.push([String(session.session_key), `${event.name}, ${sessionName(session.code)}`]);
        }
      }
    }
  }
  if (year.bySeason.has(table)) scopes.push([SEASON, `All of ${year.season.year}`]);
  if (year.bySeason.has(table) && files.includes("all")) scopes.push([ALL, "All seasons"]);
  fill(PLACES.scope, scopes, chosen);
  showSnippets();
}

function showSnippets() {
  if (!site || !year) return;
  const [table, scope] = [PLACES.table.value, PLACES.scope.value];
  const about = site.tables[table];
  const one = `v1/parquet/${table}/${year.season.year}/${scope}.parquet`;
  const path = scope === ALL ? `v1/parquet/all/${table}.parquet` : scope === SEASON ? `v1/parquet/season/${table}/${year.season.year}.parquet` : one;
  const isSmall = about.files.includes("season");
  const hasCsv = about.csv.includes(scope === ALL || scope === SEASON ? scope : "session");
  const csv = hasCsv ? path.replace("v1/parquet/", "v1/csv/").replace(/parquet$/, "csv.gz") : null;
  history.replaceState(null, "", `#${new URLSearchParams({ year: String(year.season.year), table, of: scope })}`);
  if (!scope) {
    setText(byId("about"), `No session of ${year.season.year} has ${table} yet.`);
    byId("file").replaceChildren();
    byId("snippets").replaceChildren();
    return;
  }
  const parted = about.files.includes("session") ? { [SEASON]: ["session_key"], [ALL]: ["year", "session_key"] }[scope] : null;
  const sortedBy = [...(parted ?? []), ...about.sorted_by];
  byId("about").replaceChildren(
    element("a", { href: `schemas.html#${table}` }, table),
    `: a row is ${about.row}. ${sortedBy.length ? `Sorted by ${sortedBy.join(", ")}.` : ""}`,
  );
  byId("file").replaceChildren(element("a", { href: path, download: "" }, new URL(path, BASE).href));
  const snippets = snippetsFor({ base: BASE.href, table, path, csv, catalog: catalogOf(table, scope, isSmall) });
  byId("snippets").replaceChildren(
    ...snippets.map(({ tool, code, note }) =>
      element(
        "section",
        { class: "snippet", "aria-label": tool },
        element("header", {}, element("h2", {}, tool), copyButton(code, tool)),
        element("pre", { tabIndex: 0, role: "region", "aria-label": `${tool}: lines to copy` }, element("code", {}, code)),
        ...(note ? [element("p", { class: "muted" }, note)] : []),
      ),
    ),
  );
}

/**
 * What DuckDB's catalog has of a table; null where there is no catalog.
 *
 * @param {string} table its name
 * @param {string} scope a session's key, a season or all
 * @param {boolean} isSmall whether it is a view there, and no macro
 * @returns {{ database: string, from: string } | null} path of the database, and what to select from
 */
function catalogOf(table, scope, isSmall) {
  const database = site?.index.links?.catalog_database;
  if (typeof database !== "string" || !year) return null;
  if (!isSmall) return { database, from: `f1.${table}(${year.season.year}, ${scope})` };
  const where = scope === ALL ? "" : scope === SEASON ? ` WHERE year = ${year.season.year}` : ` WHERE session_key = ${scope}`;
  return { database, from: `f1.${table}${where}` };
}

/**
 * @param {string} code what is copied
 * @param {string} tool for which
 * @returns {HTMLButtonElement} copies it
 */
function copyButton(code, tool) {
  const button = element("button", { type: "button", "aria-label": `Copy the lines for ${tool}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      setText(button, "Copied");
    } catch {
      setText(button, "Select and copy it by hand");
    }
  });
  return button;
}

/**
 * @param {HTMLSelectElement} select gets the options
 * @param {[string, string][]} options value and text of each
 * @param {string | null | undefined} chosen the value to choose, if there is one
 */
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  select.disabled = !options.length;
  if (options.some(([value]) => value === chosen)) select.value = String(chosen);
}

/**
 * @param {string} name of what the address asks for
 * @returns {string | null} what it asks
 */
const asked = (name) => new URLSearchParams(location.hash.slice(1)).get(name);

/** @param {() => void | Promise<void>} work something that reads documents */
async function shown(work) {
  byId("problem").hidden = true;
  try {
    await work();
    document.body.dataset.ready = "data";
  } catch (error) {
    if (isAbort(error)) return;
    if (!(error instanceof LoadError)) throw error;
    setText(byId("problem"), error.message);
    byId("problem").hidden = false;
    setText(byId("about"), "");
  }
}

byId("stuck").remove();
byId("choice").addEventListener("submit", (event) => event.preventDefault());
PLACES.year.addEventListener("change", () => shown(showYear));
PLACES.table.addEventListener("change", () => shown(() => showScopes()));
PLACES.scope.addEventListener("change", () => shown(showSnippets));
addEventListener("hashchange", () => void shown(start));
void shown(start);
