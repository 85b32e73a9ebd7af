declare module 'masq:worker' {
  const code: string
  export default code
}
