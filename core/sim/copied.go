package sim

import "github.com/masqdev/masq/core/peer"

// checkCopied has a device say that another copy of it runs only where one did. A member that lies may bring all that shows it.
func (p *proc) checkCopied(s *peer.Status) {
	w := p.w
	switch {
	case !s.Copied || p.status.Copied || w.hostile != nil:
	case w.copied[p.d.n]:
		w.did("told of a copy")
	default:
		w.failf("%s says that another copy of it runs", p.name())
	}
}
