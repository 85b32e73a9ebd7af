package peer

import (
	"errors"
	"testing"
)

// What was done before the operation at which storage failed is answered, and not again.
func TestFailureAnswersOnce(t *testing.T) {
	h := newHarness(t, "Laptop")
	e := h.nodes[0].e
	n := e.namespaces[0]
	answered := [3]int{}
	for i, err := range []error{nil, errors.New("storage failed"), nil} {
		n.enqueue(task{
			run: func() error {
				if err == nil {
					answered[i]++
				}
				return err
			},
			fail: func(Code) { answered[i]++ },
		})
	}
	h.nodes[0].step(Tick{})
	if answered != [3]int{1, 1, 1} || h.nodes[0].failed != EStorage {
		t.Errorf("answered %v times, failed %q", answered, h.nodes[0].failed)
	}
}
