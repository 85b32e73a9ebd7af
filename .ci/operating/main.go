// Command operating makes the packages of a release: operating VERSION DIR, in the repository's root, writes them into DIR. What is
// in them stands in .goreleaser.yaml alone. Its tests are of what an operator has: packages, container, examples.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: operating VERSION DIR")
		os.Exit(2)
	}
	files, err := makePackages(".", os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "masq: error:", err)
		os.Exit(1)
	}
	for _, f := range files {
		fmt.Println(f)
	}
}
