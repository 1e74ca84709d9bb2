// The page for developers: shows its example and runs it, from the addresses of this very site.

import { byId, setText } from "./dom.js";
import { BASE } from "./fetch.js";

/** Show the example and run it. */
async function run() {
  const source = await (await fetch(new URL("develop_example.js", import.meta.url))).text();
  // What the reader of the page does not write: comments, and the function around it.
  const body = /\{\n([^]*)\n\}\n$/.exec(source.slice(source.indexOf("export")))?.[1] ?? source;
  const lines = body.split("\n").map((line) => line.replace(/^ {2}/, ""));
  const reader = new URL("v1/reader/parcferme.js", BASE).href;
  setText(byId("code"), [
    `import { openSite } from "${reader}";`, `const base = "${BASE.href}", place = document.body;`, ...lines].join("\n"));
  const { openSite } = await import(reader);
  const { example } = await import("./develop_example.js");
  await example(openSite, BASE.href, byId("live"));
  document.body.dataset.ready = "1";
}

byId("stuck").remove();
try {
  await run();
} catch (error) {
  setText(byId("live"), `The example does not run here: ${error instanceof Error ? error.message : error}`);
  document.body.dataset.ready = "failed";
}
