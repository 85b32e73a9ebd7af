//go:build !js

package session

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var updateGolden = flag.Bool("update", false, "write testdata/session.json anew: only when the protocol itself has changed")

func TestMain(m *testing.M) {
	flag.Parse()
	if *updateGolden {
		text, err := json.MarshalIndent(runGolden(&testing.B{}), "", " ")
		if err == nil {
			err = os.WriteFile("testdata/session.json", append(text, '\n'), 0o644)
		}
		if err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}
