package localstore

import _ "embed" // for Document

// Document describes in OpenRPC what applications, the Store manager and masq itself may say to a store. It is published at /openrpc.json.
//
//go:embed openrpc.json
var Document []byte
