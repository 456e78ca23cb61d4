// Command load puts SSE servers under load, and proves that every event came once
// and in order. See ../README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"iris-broadcast/bench/load/soak"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	start := run
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "soak" {
		start, args = soak.Run, args[1:]
	}
	err := start(ctx, args, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage), errors.Is(err, soak.ErrUsage):
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// errWrong ends a run in which an event was missing, doubled or out of order.
var errWrong = errors.New("not every event came once and in order")

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	s, err := parse(args, progress)
	if err != nil {
		return err
	}
	if err := fits(s.clients); err != nil {
		return err
	}
	if err := probe(ctx, s); err != nil {
		return err
	}
	sim, err := newSimulation(s, progress)
	if err != nil {
		return err
	}
	defer sim.pool.Close()
	report, err := sim.run(ctx)
	if err != nil {
		return err
	}
	report.Command = commandLine(args)
	report.table(out)
	if s.html != "" {
		if err := write(s.html, report.html); err != nil {
			return err
		}
	}
	if s.json != "" {
		if err := write(s.json, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(report)
		}); err != nil {
			return err
		}
	}
	if !report.Right() {
		return errWrong
	}
	return nil
}

func write(name string, content func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(content(f), f.Close())
}

// spare is how many files the simulator needs besides its clients' connections.
const spare = 100

// fits raises the limit of open files, and fails if n clients exceed it.
func fits(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if most := int(min(limit.Max, 1<<30)) - spare; n > most {
		return fmt.Errorf("-n %d is too many: this process may open %d files, enough for %d clients; "+
			"raise the limit (ulimit -n %d), or use -n %d",
			n, limit.Max, most, n+spare, most)
	}
	return nil
}
