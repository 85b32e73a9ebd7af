package localstore

import (
	"maps"

	"github.com/masqdev/masq/core/peer"
)

// access says who may call a method.
type access uint8

const (
	forApps    access = 1 << iota // applications that are in
	forManager                    // the manager, when it is in
	forAdmin
	forNewApps    // applications that are not in yet
	forNewManager // the manager that is not in yet

	forData     = forApps | forAdmin
	forManaging = forManager | forAdmin
	forComing   = forNewApps | forNewManager
	forAll      = forApps | forManager | forAdmin | forNewApps | forNewManager
)

// before is what who is in was before.
func (a access) before() access {
	switch a {
	case forApps:
		return forNewApps
	case forManager:
		return forNewManager
	}
	return 0
}

type method struct {
	who access
	do  func(*Store, *call, *params)
}

// methods is what can be called. Each method stands in the table of the file that has its function.
var methods = func() map[string]method {
	all := map[string]method{}
	for _, some := range []map[string]method{accessMethods, dataMethods, managerMethods} {
		maps.Copy(all, some)
	}
	return all
}()

// dispatch calls the method, if the client may. Who is not in is not told which methods there are.
func (s *Store) dispatch(k *call, p *params) {
	m, known := methods[k.method]
	who := k.c.access()
	switch {
	case known && m.who&who != 0:
		if t := k.c.token; t != nil {
			s.used(t)
		}
		m.do(s, k, p)
	case who&forComing != 0:
		k.fail(peer.EAuth)
	case known && m.who&who.before() != 0:
		k.fail(peer.EBusy) // it is in already
	case known:
		k.refuse(rpcMethod, peer.EDenied, "")
	default:
		k.refuse(rpcMethod, eMethod, "")
	}
}
