package main

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/masqdev/masq/core/sim"
)

// A simulator simulates seeds and hands over what became of each, until take says that this is enough.
type simulator func(seeds []uint64, take func(*sim.Result) bool)

// here simulates one seed behind the other in this process; trace: every step is written.
func here(opt sim.Options, trace bool) simulator {
	return func(seeds []uint64, take func(*sim.Result) bool) {
		out := bufio.NewWriter(os.Stdout)
		if trace {
			opt.Trace = out
		}
		for _, seed := range seeds {
			res := sim.Run(seed, opt)
			out.Flush()
			if !take(&res) {
				return
			}
		}
	}
}

// workers simulates in n other processes, which run this program with args, so that none counts the memory of two seeds. What comes of
// seeds is handed over as it comes.
func workers(n int, args []string) simulator {
	return func(seeds []uint64, take func(*sim.Result) bool) {
		var all sync.WaitGroup
		next, results := make(chan uint64), make(chan sim.Result)
		for range n {
			all.Go(func() {
				w := worker{args: args}
				defer w.end()
				for seed := range next {
					results <- w.run(seed)
				}
			})
		}
		go func() {
			all.Wait()
			close(results)
		}()
		go func() {
			defer close(next)
			for _, seed := range seeds {
				next <- seed
			}
		}()
		for res := range results {
			if !take(&res) {
				return // the others end with this process
			}
		}
	}
}

// worker is a process that simulates; it runs from the first seed on.
type worker struct {
	args []string
	cmd  *exec.Cmd
	in   io.WriteCloser
	ask  *gob.Encoder
	hear *gob.Decoder
}

// run has a seed simulated. What ends the process is a failure of the seed.
func (w *worker) run(seed uint64) (res sim.Result) {
	err := w.start()
	if err == nil {
		err = w.ask.Encode(seed)
	}
	if err == nil {
		err = w.hear.Decode(&res)
	}
	if err != nil {
		w.end()
		return sim.Result{Seed: seed, Stopped: 1, Failures: []string{fmt.Sprintf("its process ended: %v", err)}}
	}
	return res
}

func (w *worker) start() error {
	if w.cmd != nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, w.args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.cmd, w.in, w.ask, w.hear = cmd, in, gob.NewEncoder(in), gob.NewDecoder(bufio.NewReader(out))
	return nil
}

func (w *worker) end() {
	if w.cmd != nil {
		w.in.Close()
		_ = w.cmd.Wait() // how it ended has been told
		w.cmd = nil
	}
}

// serve is what a worker does.
func serve(opt sim.Options) {
	ask, answer := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var seed uint64
		if ask.Decode(&seed) != nil {
			return // no more
		}
		res := sim.Run(seed, opt)
		if answer.Encode(&res) != nil {
			return
		}
	}
}
