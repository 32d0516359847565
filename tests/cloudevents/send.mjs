// Sends the cases to a function by the CloudEvents SDK for JavaScript, in both modes: send.mjs URL.
//
// It puts attributes into headers as they are, so that a subject that no header can carry is left out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Where the SDK is installed.
const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const { CloudEvent, HTTP } = require("cloudevents");

const url = process.argv[2];
const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url)));
for (const { id, key, operation = "Object:Write" } of cases) {
  const kind = operation.replace("Object:", "").toLowerCase();
  const event = new CloudEvent({
    id,
    source: "https://cloud.ibm.com/catalog/services/cloud-object-storage/pictures",
    type: `com.ibm.cloud.cos.document.${kind}`,
    subject: /^[ -~]+$/.test(key) ? key.replaceAll("%", "%25") : undefined,
    datacontenttype: "application/json",
    data: { bucket: "pictures", endpoint: "", key, operation },
  });
  for (const mode of ["binary", "structured"]) {
    const { headers, body } = HTTP[mode](event);
    const response = await fetch(url, { method: "POST", headers, body });
    const said = await response.json();
    assert.equal(response.status, 200, JSON.stringify(said));
    assert.deepEqual([said.event_id, said.key, said.reason], [id, key, "own_output"]);
    console.log(`JavaScript, ${mode}: ${id}`);
  }
}
