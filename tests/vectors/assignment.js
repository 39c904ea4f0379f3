// Positions and variants as docs/experiments.md specifies them. Reads assignment.json, prints what differs, ends with 1.
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");

function position(salt, unit) {
  const digest = createHash("sha256").update(`${salt}:${unit}`, "utf8").digest();
  return Number(digest.readBigUInt64BE(0) >> 11n) / 2 ** 53;
}

function variant(place, weights) {
  let bound = 0;
  const found = weights.findIndex((weight) => place < (bound += weight));
  return found < 0 ? weights.length - 1 : found;
}

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const wrong = vectors.filter(({ salt, unit, weights, numerator, variant: expected }) => {
  const place = position(salt, unit);
  return place * 2 ** 53 !== Number(BigInt(numerator)) || variant(place, weights) !== expected;
});
for (const one of wrong) console.log(JSON.stringify(one));
console.log(`${vectors.length} vectors, ${wrong.length} wrong`);
process.exit(wrong.length ? 1 : 0);
