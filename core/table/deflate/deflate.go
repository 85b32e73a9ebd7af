// Package deflate is the compression of a table's sections by DEFLATE (RFC 1951). It is a package of its own: who does not import it does
// not link it.
package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"

	"github.com/masqdev/masq/core/table"
)

// New returns a Compression. It is for one goroutine at a time. It holds about 650 kB once it has deflated, and 40 kB once it has inflated.
func New() table.Compression {
	c := &codec{}
	return table.Compression{Deflate: c.deflate, Inflate: c.inflate}
}

type codec struct {
	w *flate.Writer
	r io.ReadCloser
}

// deflate returns nil unless it saves a tenth.
func (c *codec) deflate(plain []byte) []byte {
	var out bytes.Buffer
	if c.w == nil {
		w, err := flate.NewWriter(&out, flate.DefaultCompression)
		if err != nil {
			panic(err) // only for levels that there are not
		}
		c.w = w
	} else {
		c.w.Reset(&out)
	}
	if _, err := c.w.Write(plain); err != nil || c.w.Close() != nil || 10*out.Len() > 9*len(plain) {
		return nil
	}
	return out.Bytes()
}

var errLength = errors.New("deflate: not as long as it has to be")

// inflate reads no more than size bytes and one.
func (c *codec) inflate(deflated []byte, size int) ([]byte, error) {
	in := bytes.NewReader(deflated)
	if c.r == nil {
		c.r = flate.NewReader(in)
	} else if err := c.r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(c.r, out); err != nil {
		return nil, err
	}
	if n, err := c.r.Read(make([]byte, 1)); n > 0 || err != io.EOF || in.Len() > 0 {
		return nil, errLength
	}
	return out, nil
}
