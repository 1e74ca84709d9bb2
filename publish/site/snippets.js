// What to paste into a tool to read a table: for each tool a few lines with the real address. Knows no page.

/**
 * @typedef {object} Wanted what is to be read
 * @property {string} base where the published data begins, with a slash at its end
 * @property {string} table its name
 * @property {string} path of its Parquet file, relative to the base
 * @property {string | null} csv path of the same as CSV; null where there is none
 * @property {{ database: string, from: string } | null} catalog path of the catalog for DuckDB and what to select from there
 */

/**
 * @typedef {object} Snippet
 * @property {string} tool what it is pasted into
 * @property {string} language of it
 * @property {string} code the lines
 * @property {string} note what it needs
 */

/**
 * What to paste into each tool.
 *
 * @param {Wanted} wanted what is to be read
 * @returns {Snippet[]} by tool
 */
export function snippetsFor({ base, table, path, csv, catalog }) {
  const url = base + path;
  const file = path.slice(path.lastIndexOf("/") + 1);
  const attached = catalog && `ATTACH '${base}${catalog.database}' AS f1 (READ_ONLY);\nSELECT * FROM ${catalog.from};`;
  const name = table.replace(/[^a-z0-9_]/g, "_");
  return [
    {
      tool: "DuckDB",
      language: "sql",
      code: attached ?? `SELECT * FROM '${url}';`,
      note: "It reads HTTPS with its extension httpfs, which it downloads at first use.",
    },
    { tool: "Polars", language: "python", code: `import polars as pl\n\n${name} = pl.scan_parquet("${url}").collect()`, note: "" },
    { tool: "pandas", language: "python", code: `import pandas as pd\n\n${name} = pd.read_parquet("${url}")`, note: "It needs pyarrow." },
    {
      tool: "R, arrow",
      language: "r",
      code: `library(arrow)\n\nfile <- tempfile(fileext = ".parquet")\ndownload.file("${url}", file, mode = "wb")\n${name} <- read_parquet(file)`,
      note: "Not tried by parcferme's own tests.",
    },
    {
      tool: "R, duckdb",
      language: "r",
      code: `library(duckdb)\n\nconnection <- dbConnect(duckdb())\ndbExecute(connection, "INSTALL httpfs; LOAD httpfs")\n${name} <- dbGetQuery(connection, "SELECT * FROM '${url}'")`,
      note: "Not tried by parcferme's own tests. httpfs is downloaded at first use.",
    },
    ...(csv
      ? [{ tool: "R", language: "r", code: `${name} <- read.csv(gzcon(url("${base}${csv}"), text = TRUE), na.strings = "")`, note: "Nothing to install. Tried with R 4.2." }]
      : []),
    {
      tool: "Spark",
      language: "python",
      code: `from pyspark import SparkFiles\nfrom pyspark.sql import SparkSession\n\nspark = SparkSession.builder.getOrCreate()\nspark.sparkContext.addFile("${url}")\n${name} = spark.read.parquet("file://" + SparkFiles.get("${file}"))`,
      note: "Spark lists no folder over HTTPS; from a bucket it reads v1/parquet as a whole.",
    },
    {
      tool: "JavaScript, hyparquet",
      language: "js",
      code: `import { asyncBufferFromUrl, parquetReadObjects } from "hyparquet";\nimport { compressors } from "hyparquet-compressors";\n\nconst file = await asyncBufferFromUrl({ url: "${url}" });\nconst ${name} = await parquetReadObjects({ file, compressors });`,
      note: "In a browser or in Node.",
    },
    {
      tool: "JavaScript, DuckDB-WASM",
      language: "js",
      code: `import * as duckdb from "@duckdb/duckdb-wasm";\n\nconst bundle = await duckdb.selectBundle(duckdb.getJsDelivrBundles());\nconst worker = await duckdb.createWorker(bundle.mainWorker);\nconst database = new duckdb.AsyncDuckDB(new duckdb.ConsoleLogger(), worker);\nawait database.instantiate(bundle.mainModule, bundle.pthreadWorker);\nconst connection = await database.connect();\nconst ${name} = await connection.query("SELECT * FROM '${url}'");`,
      note: "In a page of your own; this one loads nothing from elsewhere. Tried with 1.28; 1.32 read nothing where no other host could be reached.",
    },
    ...(csv ? [{ tool: "Spreadsheet", language: "text", code: `=IMPORTDATA("${base}${csv}")`, note: "CSV, compressed on the way." }] : []),
  ];
}
