// What a browser documents that it does not do: by case and browser, the code that the case must meet exactly, and where the
// browser's makers say so. Nothing else may fail. Connecting, verbs, bytes, watches, tabs, reloads and navigations have no limits.
export const limits = {}
