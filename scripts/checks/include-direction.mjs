// SPDX-License-Identifier: Apache-2.0
//
// The direction of C++ includes: node -> process -> gpu -> core -> include. The core knows neither Node nor a GPU library,
// gpu and process know no Node, the public header knows only the C library. Called by scripts/lint.mjs.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { listFiles } from '../fresh.mjs';

const LAYERS = ['include', 'core', 'gpu', 'process', 'node'];
const NODE_HEADER = /^(node_api|js_native_api|napi|napi-inl|node|uv|v8)([-.].*)?\.?h?$|^(v8|uv|node)\//;
const GPU_HEADER = /^(cuda|cupti|nvToolsExt|nvrtc)|^CL\//;
const C_HEADER = /^[a-z]+\.h$/;

function includesOf(file) {
  const found = [];
  for (const [index, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    const match = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(text);
    if (match) found.push({ line: index + 1, quoted: match[1] === '"', name: match[2] });
  }
  return found;
}

/** The layer of native/ that a file belongs to, as an index; -1 for none (tests, benches). */
function layerOf(native, file) {
  return LAYERS.indexOf(relative(native, file).split('/')[0]);
}

/** The file of ours that an include names, as the compiler's search would find it. */
function resolveOwn(native, from, name) {
  const places = [dirname(from), native, ...LAYERS.map((layer) => join(native, layer))];
  return places.map((place) => resolve(place, name)).find((path) => existsSync(path));
}

function complaint(native, file, { quoted, name }) {
  const layer = layerOf(native, file);
  const own = resolveOwn(native, file, name);
  if (own !== undefined) {
    const other = layerOf(native, own);
    if (other === -1) return 'is test or bench code';
    return other > layer ? `belongs to ${LAYERS[other]}/` : undefined;
  }
  if (quoted) return 'is not a header of ours';
  if (layer < LAYERS.indexOf('node') && NODE_HEADER.test(basename(name) === name ? name : `${name}`))
    return 'is a Node header';
  if (layer < LAYERS.indexOf('gpu') && GPU_HEADER.test(name)) return 'is a GPU header';
  if (layer === 0 && !C_HEADER.test(name)) return 'is not a C header';
  return undefined;
}

/** One line for each include that points the wrong way. */
export function checkIncludeDirection(root) {
  const native = join(root, 'native');
  const problems = [];
  for (const file of listFiles(
    LAYERS.map((layer) => join(native, layer)),
    root,
  )) {
    if (!/\.(h|cc|c)$/.test(file)) continue;
    for (const include of includesOf(file)) {
      const why = complaint(native, file, include);
      if (why) problems.push(`${relative(root, file)}:${include.line}: <${include.name}> ${why}`);
    }
  }
  return problems;
}
