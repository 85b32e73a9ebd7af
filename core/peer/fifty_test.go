//go:build !js

package peer

import "testing"

// With more devices than places a write goes through several hands. What is known of others is not told again when sessions are renewed for it.
func TestBytesOfAPutInACrowd(t *testing.T) {
	h := newMet(t, 50)
	idle := h.during(func() { h.wait(30_000) })
	put := h.during(func() {
		h.nodes[1].put("k", "1")
		h.wait(180_000)
	})
	for _, n := range h.nodes {
		if n.get("k") != "1" {
			t.Errorf("%s does not have it", n.name)
		}
	}
	if frames, bytes := put.frames-6*idle.frames, put.bytes-6*idle.bytes; frames > 3_500 || bytes > 10<<20 {
		t.Errorf("a put costs %d frames and %d bytes", frames, bytes)
	}
}
