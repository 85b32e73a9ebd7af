// A classic Worker, which the option `worker` of `connect` names: there is nothing in it to import.
export {}
