// Command bench runs SSE servers side by side under the same load, and prints what each one costs. See README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"iris-broadcast/bench/internal/peer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// servePeer is the first argument of a bench process that is one of the servers.
const servePeer = "serve-peer"

// options is the command line.
type options struct {
	cases   []string
	servers []string
	rounds  int
	svg     string
	json    string
	from    string
	against string
	quick   bool
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 3 && args[0] == servePeer {
		return serve(args[1], args[2])
	}
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	results, err := measure(ctx, o, progress)
	if err != nil {
		return err
	}
	results.markdown(out)
	if o.svg != "" {
		if err := writeFile(o.svg, results.picture); err != nil {
			return err
		}
	}
	if o.json != "" {
		return writeFile(o.json, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(results)
		})
	}
	return nil
}

// measure runs the trials, or reads what earlier runs have measured.
func measure(ctx context.Context, o options, progress io.Writer) (*results, error) {
	if o.from != "" {
		return readResults(strings.Split(o.from, ","))
	}
	if err := raiseOpenFiles(); err != nil {
		return nil, err
	}
	l, err := newLab(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	defer l.close()
	results := l.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// parse reads the command line.
func parse(args []string, usage io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	cases := flags.String("cases", "",
		"cases to run, with commas between them (default: all: "+strings.Join(caseNames(), ",")+")")
	servers := flags.String("servers", "", "servers to run (default: all: "+strings.Join(serverNames(), ",")+")")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; each runs every case on every server")
	flags.StringVar(&o.svg, "svg", "", "write a picture to this `file`")
	flags.StringVar(&o.json, "json", "", "write every measurement to this `file`")
	flags.StringVar(&o.from, "from", "",
		"measure nothing; show what -json has written to these `files`, each case from the last that has it")
	flags.StringVar(&o.against, "against", "", "also measure this other build of the server, a `file`, as \"before\"")
	flags.BoolVar(&o.quick, "quick", false,
		"one round of everything, small and short: does it work, not how fast is it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q: want flags only; see -h", flags.Arg(0))
	}
	if o.quick {
		o.rounds = 1
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds %d: want 1 or more", o.rounds)
	}
	if o.cases, err = choose("-cases", *cases, caseNames()); err != nil {
		return o, err
	}
	if o.servers, err = choose("-servers", *servers, serverNames()); err != nil {
		return o, err
	}
	if o.against == "" {
		o.servers = slices.DeleteFunc(o.servers, func(name string) bool { return name == "before" })
		return o, nil
	}
	o.against, err = filepath.Abs(o.against)
	return o, err
}

// choose returns the names in list, in the order of all; all of them if list is empty.
func choose(flag, list string, all []string) (chosen []string, err error) {
	if list == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	for _, name := range all {
		if wanted[name] {
			chosen = append(chosen, name)
			delete(wanted, name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("%s: there is no %q: want some of %s", flag, name, strings.Join(all, ","))
	}
	return chosen, nil
}

// serve runs one of the servers that are part of this program.
func serve(name, address string) error {
	var h http.Handler
	var err error
	switch name {
	case "floor":
		h = peer.Floor()
	case "go-sse":
		h, err = peer.GoSSE(historyEvents)
	case "r3labs":
		h = peer.R3labs()
	default:
		err = fmt.Errorf("no such server: %q", name)
	}
	if err != nil {
		return err
	}
	return peer.Serve(address, h)
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// raiseOpenFiles raises the limit of open files as far as allowed, for this process and the servers it starts.
func raiseOpenFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
