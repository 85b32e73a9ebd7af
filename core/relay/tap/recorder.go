package main

import (
	"encoding/binary"
	"io"
	"log"
	"sync"
)

// recorder is what native.Options.Tap calls: it writes bodies down, counts them and flips a bit when told to.
type recorder struct {
	file io.Writer // nil: only counts

	mu    sync.Mutex // guards all below, and file
	total counts
	flip  int // the frame from now on, 1 the next, in which a bit is flipped; 0: none
}

// counts is what the controls answer.
type counts struct {
	Frames    int  `json:"frames"`
	Bytes     int  `json:"bytes"`
	Flipped   int  `json:"flipped"`
	Listening bool `json:"listening"`
	Joined    int  `json:"joined"`
}

func (r *recorder) counts() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

func (r *recorder) flipIn(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flip = n
}

// tap writes a body down as it came, before a bit is flipped.
func (r *recorder) tap(_ byte, body []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.Frames++
	r.total.Bytes += len(body)
	if r.file != nil {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		if _, err := r.file.Write(append(b, body...)); err != nil {
			log.Fatal("cannot write the frames down") // a test that believes it has looked at all would be worse
		}
	}
	if r.flip > 0 {
		if r.flip--; r.flip == 0 && len(body) > 0 {
			body[len(body)/2] ^= 1
			r.total.Flipped++
		}
	}
	return body
}
