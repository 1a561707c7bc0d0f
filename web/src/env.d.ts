/// <reference types="svelte" />
/// <reference types="vite/client" />

interface Window {
  /** For browser tests: the map and its controller. It can do nothing that the page cannot. */
  __trucban?: {
    map: import('maplibre-gl').Map;
    controller: import('./map/controller').MapController;
  };
}
