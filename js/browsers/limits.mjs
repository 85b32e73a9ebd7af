// What a browser documents that it does not do: by case and browser, the code that the case must meet exactly, and where the
// browser's makers say so. Nothing else may fail. Connecting, verbs, bytes, watches, tabs, reloads and navigations have no limits.
export const limits = {
  'useLocalStore in a page that is served by https:': {
    webkit: {
      code: 'E_STORE_AWAY',
      note: 'WebKit takes a connection to localhost for mixed content: https://bugs.webkit.org/show_bug.cgi?id=171934',
    },
  },
}
