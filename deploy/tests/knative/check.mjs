// What of deploy/knative can be seen without a cluster. Prints TypeScript that is for the compiler to check: the fields of the
// types that are made of the custom resource definitions, of which it takes no others.
//
//   node check.mjs FOLDER README.md >manifests.ts
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

const [folder, readme] = process.argv.slice(2);
const settings = new Set(readFileSync(readme, "utf8").match(/`[A-Z][A-Z0-9_]+`/g));
const mistakes = [];
const documents = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .flatMap((name) => parseAllDocuments(readFileSync(`${folder}/${name}`, "utf8")).map((document) => [name, document]))
  .map(([name, document]) => {
    mistakes.push(...document.errors.map((error) => `${name}: ${error.message}`));
    return [name, document.toJS()];
  });

// Rook's and the bucket provisioner's, whose definitions are in no package.
const PARSED_ONLY = new Set(["ObjectBucketClaim", "CephBucketTopic", "CephBucketNotification"]);

// The model of a kind, where the definitions are at hand.
async function model({ apiVersion, kind }) {
  const from = apiVersion.includes("knative.dev/") ? "@kubernetes-models/knative" : "kubernetes-models";
  const module = `${from}/${apiVersion}/${kind}`;
  return import(module).then((found) => [module, found[kind]], () => []);
}

const there = new Set(documents.map(([, { apiVersion, kind, metadata }]) => `${apiVersion} ${kind} ${metadata?.name}`));
const unknown = [];
for (const [index, [name, manifest]] of documents.entries()) {
  const where = `${name}: ${manifest.kind} ${manifest.metadata?.name ?? ""}`;
  if (manifest.kind === "Kustomization") {
    for (const resource of manifest.resources) {
      if (!documents.some(([other]) => other === resource)) mistakes.push(`${where}: no file ${resource}`);
    }
    continue;
  }
  const [module, Model] = await model(manifest);
  if (Model) {
    try {
      new Model(manifest).validate();
    } catch (error) {
      mistakes.push(`${where}: ${error.message}`);
    }
    console.log(`import { type I${manifest.kind} as Kind${index} } from "${module}";`);
    console.log(`// ${where}\nexport const manifest${index}: Kind${index} = ${JSON.stringify(manifest, null, 1)};`);
  } else {
    unknown.push(manifest.kind);
    if (!PARSED_ONLY.has(manifest.kind)) mistakes.push(`${where}: the definition of its kind is not at hand`);
  }
  // Whoever is named is there; every setting is one of the README.
  JSON.stringify(manifest, (key, value) => {
    if (value?.ref && !there.has(`${value.ref.apiVersion} ${value.ref.kind} ${value.ref.name}`)) {
      mistakes.push(`${where}: no ${value.ref.kind} ${value.ref.name}`);
    }
    if (key === "configMapRef" && !there.has(`v1 ConfigMap ${value.name}`)) mistakes.push(`${where}: no ConfigMap ${value.name}`);
    if (key === "broker" && !there.has(`eventing.knative.dev/v1 Broker ${value}`)) mistakes.push(`${where}: no Broker ${value}`);
    const names = key === "env" ? value.map((one) => one.name) : key === "data" ? Object.keys(value) : [];
    for (const one of names) {
      if (!settings.has(`\`${one}\``)) mistakes.push(`${where}: no setting ${one}`);
    }
    return value;
  });
}
if (!documents.length) mistakes.push(`${folder}: no manifest`);
console.error(`${documents.length} manifests; parsed only, for their definitions are not at hand: ${unknown.join(", ")}`);
if (mistakes.length) {
  console.error(mistakes.join("\n"));
  process.exit(1);
}
