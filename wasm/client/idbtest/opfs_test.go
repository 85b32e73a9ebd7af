//go:build js && wasm

package idbtest

import (
	"fmt"
	"io/fs"
	"strconv"
	"testing"

	"github.com/hack-pad/safejs"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/storagetest"
	"github.com/masqdev/masq/web"
)

// TestOpfs holds js/src/opfs.ts to the contract: with blocks of any size in files, and when a new store has none yet that it writes to.
func TestOpfs(t *testing.T) {
	for name, how := range map[string]struct {
		old   bool
		least int
	}{
		"all in files": {true, 0},
		"new store":    {false, 4096},
	} {
		t.Run(name, func(t *testing.T) {
			class := worker(t, how.old, how.least)
			stores := 0
			open := func(t *testing.T) storage.Store {
				stores++
				name := t.Name() + "-" + strconv.Itoa(stores)
				t.Cleanup(func() { remove(t, name) })
				return openStore(t, class, name)
			}
			storagetest.Run(t, open, reopen(class))
			value := must1(await(class.Call("used")))(t)
			used, err := value.Float()
			must(t, err)
			if how.old != (used > 0) {
				t.Errorf("%v bytes are in files", used)
			}
		})
	}
}

// worker returns a class like BlockStore whose stores are in a Worker: a page may not write to files. If old, each has a file that has
// been there for long. Blocks of least bytes are in files.
func worker(t *testing.T, old bool, least int) safejs.Value {
	code, err := fs.ReadFile(web.FS(), "opfs.js")
	if err != nil {
		t.Fatal("web/dist/opfs.js is not there: make build")
	}
	function := must1(safejs.Global().Get("Function"))(t)
	load := must1(function.New("code", page))(t)
	return must1(load.Invoke(fmt.Sprintf(inWorker, old, least) + string(code)))(t)
}

// inWorker carries out what page sends.
const inWorker = `
const stores = [], old = %t, least = %d
let used = 0
const calls = {
	async open(name) {
		const folder = await ['masq', encodeURIComponent(name)].reduce(
			async (parent, name) => (await parent).getDirectoryHandle(name, { create: true }), navigator.storage.getDirectory())
		if (old) await folder.getFileHandle('1-1', { create: true })
		const store = await MasqOpfs.OpfsStore.open(name, least)
		await store.ready()
		return stores.push({ store, name, folder }) - 1
	},
	async close(i) {
		const { store, name, folder } = stores[i]
		store.close()
		for await (const file of folder.values()) used += (await file.getFile()).size
	},
	used: () => used,
}
onmessage = async ({ data: { n, name, i, args } }) => {
	try {
		const value = await (calls[name] ? calls[name](i ?? args[0]) : stores[i].store[name](...args))
		postMessage({ n, value })
	} catch (e) {
		postMessage({ n, reason: e.reason ?? 'other', message: String(e) })
	}
}
`

const page = `
const worker = new Worker(URL.createObjectURL(new Blob([code])))
const waiting = new Map()
worker.onmessage = ({ data: { n, value, reason, message } }) => {
	const { resolve, reject } = waiting.get(n)
	waiting.delete(n)
	if (reason) reject({ reason: reason === 'other' ? message : reason })
	else resolve(value)
}
let calls = 0
const call = (name, i, ...args) => new Promise((resolve, reject) => {
	waiting.set(++calls, { resolve, reject })
	worker.postMessage({ n: calls, name, i, args })
})
const ids = (array) => Array.from(array)
return {
	used: () => call('used'),
	async open(name) {
		const i = await call('open', undefined, name)
		return {
			commit: (adds, puts, dels, relaxed, after) => call('commit', i, adds, puts, ids(dels), relaxed, after),
			load: (list) => call('load', i, ids(list)),
			list: () => call('list', i),
			close: () => call('close', i),
		}
	},
}
`
