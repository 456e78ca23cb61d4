// Command store measures what publishing, reading and starting cost the server's store, as seen through HTTP, and
// compares two builds of the server round by round. See ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "store:", err)
		os.Exit(1)
	}
}

// options is the command line.
type options struct {
	builds []build // one or two
	rounds int
	cases  []string
	behind int // events that clients catch up on
	kept   int // events that each topic keeps in cases with full topics
}

// build is a server program and where it keeps its events.
type build struct {
	name   string
	binary string // "" until it is built from the parent module
	store  string // its setting -store, relative to a temporary folder
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 4 && args[0] == bareArgument {
		return serveBare(ctx, args[1:], out)
	}
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	l, err := newLab(ctx, o, progress)
	if err != nil {
		return err
	}
	defer l.close()
	results := l.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	results.markdown(out)
	return nil
}

// parse reads the command line.
func parse(args []string, usage io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("store", flag.ContinueOnError)
	flags.SetOutput(usage)
	binary := flags.String("binary", "", "server `program` (default: built from the parent module)")
	store := flags.String("store", "pebble:data", "its -store; a folder or file is made in a temporary folder")
	against := flags.String("against", "", "another server `program`, whose turns alternate with the first one's")
	againstStore := flags.String("against-store", "", "its -store (default: the same)")
	names := caseNames()
	chosen := flags.String("cases", strings.Join(names, ","), "what to run, with commas between them")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; each runs every case on every program")
	flags.IntVar(&o.behind, "behind", 100_000, "events that each client of the case catchup is behind")
	flags.IntVar(&o.kept, "kept", 5, "events that each topic of the case publish64-topics keeps")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q: want flags only; see -h", flags.Arg(0))
	case o.rounds < 1:
		return o, fmt.Errorf("-rounds %d: want 1 or more", o.rounds)
	case o.kept < 1 || o.kept > 100:
		return o, fmt.Errorf("-kept %d: want 1 to 100", o.kept)
	case o.behind < 1 || o.behind > 1_000_000:
		return o, fmt.Errorf("-behind %d: want 1 to 1000000", o.behind)
	}
	for name := range strings.SplitSeq(*chosen, ",") {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("-cases: there is no %q: want some of %s", name, strings.Join(names, ","))
		}
		o.cases = append(o.cases, name)
	}
	o.builds = []build{{"A", *binary, *store}}
	if *against != "" {
		if *againstStore == "" {
			*againstStore = *store
		}
		o.builds = append(o.builds, build{"B", *against, *againstStore})
	}
	return o, checkBuilds(o.builds)
}

func checkBuilds(builds []build) (err error) {
	for i, b := range builds {
		if _, path, _ := strings.Cut(b.store, ":"); path != "" && !filepath.IsLocal(path) {
			return fmt.Errorf("-store %s: want a relative name; it is made in a temporary folder", b.store)
		}
		if b.binary == "" {
			continue
		}
		if builds[i].binary, err = filepath.Abs(b.binary); err != nil {
			return err
		}
		if _, err := os.Stat(b.binary); err != nil {
			return err
		}
	}
	return nil
}
