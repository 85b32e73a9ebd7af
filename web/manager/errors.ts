// What can go wrong between this page and the store.

/** StoreError is an error that the store returned, with what it says of it, or E_AWAY when there was no answer. */
export class StoreError extends Error {
  constructor(
    readonly code: string,
    message = '',
  ) {
    super(message)
  }
}
