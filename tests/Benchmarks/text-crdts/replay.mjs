// Replays automerge-paper.json.gz as local edits in yjs, loro and automerge: milliseconds, bytes of memory, bytes encoded, milliseconds to load those.
// Usage: node --expose-gc replay.mjs <trace.json.gz> [rounds=3]
import * as Y from 'yjs';
import * as automerge from '@automerge/automerge';
import { LoroDoc } from 'loro-crdt';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const trace = JSON.parse(gunzipSync(readFileSync(process.argv[2])));
const rounds = Number(process.argv[3] ?? 3);
const patches = trace.txns.flatMap(txn => txn.patches);

function edit(text) {
  for (const [at, deleted, inserted] of patches) {
    if (deleted > 0) text.delete(at, deleted);
    if (inserted) text.insert(at, inserted);
  }
}

const peers = {
  yjs: {
    replay() { const doc = new Y.Doc(); edit(doc.getText('text')); return doc; },
    text: doc => doc.getText('text').toString(),
    // The second format is the smaller one.
    encode: doc => Y.encodeStateAsUpdateV2(doc),
    load(bytes) { const doc = new Y.Doc(); Y.applyUpdateV2(doc, bytes); return doc; },
  },
  loro: {
    replay() { const doc = new LoroDoc(); edit(doc.getText('text')); doc.commit(); return doc; },
    text: doc => doc.getText('text').toString(),
    encode: doc => doc.export({ mode: 'snapshot' }),
    load: bytes => LoroDoc.fromSnapshot(bytes),
  },
  automerge: {
    replay() {
      return automerge.change(automerge.from({ text: '' }), doc => {
        for (const [at, deleted, inserted] of patches) automerge.splice(doc, ['text'], at, deleted, inserted);
      });
    },
    text: doc => doc.text,
    encode: doc => automerge.save(doc),
    load: bytes => automerge.load(bytes),
  },
};

function memory() {
  global.gc();
  global.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

for (let round = 1; round <= rounds; round++) {
  for (const [name, peer] of Object.entries(peers)) {
    const before = memory();
    const started = performance.now();
    const doc = peer.replay();
    const replayed = performance.now();
    // Of those written in WebAssembly this shows only what has grown beyond the memory they had.
    const used = memory() - before;
    if (peer.text(doc) !== trace.endContent) throw new Error(`${name} does not end with the text`);
    const bytes = peer.encode(doc);
    const loading = performance.now();
    if (peer.text(peer.load(bytes)).length !== trace.endContent.length) throw new Error(`${name} does not load what it encoded`);
    const loaded = performance.now();
    console.log(`${name}: ${patches.length} edits in ${(replayed - started).toFixed(0)} ms; ${(used / 1e6).toFixed(2)} MB; `
      + `encoded ${bytes.length} bytes, loaded in ${(loaded - loading).toFixed(1)} ms`);
  }
}
