// The data stand in the page as JSON by columns, gzip, base64: a tenth of what they take as they are. The browser's
// own DecompressionStream unpacks a block when it is wanted first; nothing is fetched.
const unpackedBlocks = new Map();

const byId = (id) => document.getElementById(id);

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

// A block by its name; null where the page was made without it, to stay small.
function block(name) {
  if (!unpackedBlocks.has(name)) {
    const element = byId(`block-${name}`);
    unpackedBlocks.set(name, element ? unpack(element.textContent) : Promise.resolve(null));
  }
  return unpackedBlocks.get(name);
}

// A column of distinct values and codes, spelled out.
const spelled = (column) => column.codes.map((code) => column.values[code]);
