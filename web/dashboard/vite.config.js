/**
 * How the page is built: hashed names under dist/assets, nothing inline, and beside each file what travels of it.
 *
 * The Content-Security-Policy of web/guard.py allows no inline script or style and no data: address, so that
 * nothing here may make one.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

/** Bytes below which web/page.py compresses nothing either. */
const MIN_COMPRESSED = 512;
const FOREBAY = process.env.FOREBAY_URL ?? 'http://127.0.0.1:8420';

export default defineConfig({
  base: './',
  build: {
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 250,
    license: { fileName: 'licenses.txt' },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  plugins: [compressed()],
  server: {
    // Forebay accepts requests of its own pages only: the proxy speaks as one.
    proxy: Object.fromEntries(
      ['/api', '/ofrep', '/login', '/metrics', '/healthz', '/readyz'].map((path) => [
        path,
        {
          target: FOREBAY,
          changeOrigin: true,
          ws: path === '/api',
          rewriteWsOrigin: true,
          headers: { origin: new URL(FOREBAY).origin },
        },
      ]),
    ),
  },
});

/** Writes `.br` and `.gz` beside each file of the build that gets smaller by it. */
function compressed() {
  let folder = '';
  return {
    name: 'compressed',
    apply: /** @type {const} */ ('build'),
    configResolved(/** @type {import('vite').ResolvedConfig} */ config) {
      folder = join(config.root, config.build.outDir);
    },
    writeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || /\.(br|gz|png|woff2)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const plain = readFileSync(path);
        if (plain.length < MIN_COMPRESSED) continue;
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
        for (const [end, bytes] of Object.entries({
          br: brotliCompressSync(plain, { params: size }),
          gz: gzipSync(plain, { level: 9 }),
        })) {
          if (bytes.length < plain.length) writeFileSync(`${path}.${end}`, bytes);
        }
      }
    },
  };
}
