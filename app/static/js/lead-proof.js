// Looks for the number whose hash, behind the ticket's own, begins with so many zero bits.
"use strict";
const ahead = 64; // hashes under way at once
const words = new TextEncoder();

const leading = (digest) => {
  let found = 0;
  for (const byte of new Uint8Array(digest)) {
    if (byte) return found + Math.clz32(byte) - 24;
    found += 8;
  }
  return found;
};

onmessage = async (asked) => {
  const { number, bits } = asked.data;
  for (let first = 0; ; first += ahead) {
    const tries = Array.from({ length: ahead }, (_, step) => first + step);
    const digests = await Promise.all(tries.map((each) => crypto.subtle.digest("SHA-256", words.encode(`${number}.${each}`))));
    const hit = digests.findIndex((digest) => leading(digest) >= bits);
    if (hit >= 0) {
      postMessage(first + hit);
      return;
    }
  }
};
