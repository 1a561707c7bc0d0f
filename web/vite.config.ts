import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** Where `npm run dev` finds a running server. */
const server = process.env.TRUCBAN_SERVER ?? 'http://127.0.0.1:8080';
const doors = ['/api', '/tiles', '/health'];
const proxy = Object.fromEntries(doors.map((door) => [door, { target: server, changeOrigin: true }]));

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // The content security policy allows neither data: URLs nor inline code: every asset is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      output: {
        // A browser runs a worker only with a script's media type; `.js` has it on every server.
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith('.mjs'))
            ? 'assets/[name]-[hash].js'
            : 'assets/[name]-[hash][extname]',
      },
    },
    license: { fileName: 'licences.md' },
  },
  server: { proxy },
  preview: { proxy },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
