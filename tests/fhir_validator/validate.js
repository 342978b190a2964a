// Reads one FHIR R4 resource a line and writes what the validator finds of each, one JSON array a
// line.
"use strict";

const { createInterface } = require("node:readline");
const { Fhir } = require("fhir");

const fhir = new Fhir();
createInterface({ input: process.stdin }).on("line", (line) => {
  const { messages } = fhir.validate(JSON.parse(line), { errorOnUnexpected: true });
  process.stdout.write(`${JSON.stringify(messages)}\n`);
});
