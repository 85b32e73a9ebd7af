package peer

// What becomes of the data that a joiner already has, by namespace. The choice is in the ledger until it is carried out, so that it
// survives a crash.
const (
	metaMoving  = "moving/" // and the namespace's number
	moveBring   = 1         // issued anew under a new writer
	moveDiscard = 2         // forgotten
)

// moveData does with this device's own data what its user chose on joining. Until it is done nothing is synced.
func (e *Engine) moveData() {
	for _, n := range e.namespaces {
		choice := e.led.Meta(metaMoving + n.number())
		if len(choice) != 1 {
			continue
		}
		n.moving = true
		n.enqueue(task{fail: func(Code) {}, run: func() error { return n.move(choice[0]) }})
	}
}

func (n *namespace) move(choice byte) error {
	n.stopMending()
	if choice == moveBring {
		if err := n.rep.Reissue(); err != nil {
			return err
		}
	} else {
		changes, err := n.rep.Drop()
		if err != nil {
			return err
		}
		n.notify(changes, 0, "")
	}
	n.moving = false
	n.setRestored(false)
	n.e.led.SetMeta(metaMoving+n.number(), nil)
	return nil
}
