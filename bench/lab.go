package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"iris-broadcast/bench/internal/certificate"
	"iris-broadcast/bench/internal/figures"
)

// lab runs trials: each case, in each round, on each server.
type lab struct {
	options     options
	progress    io.Writer
	dir         string // temporary
	certificate certificate.Files
	skipped     map[string]string // servers that cannot run here, and why
}

func newLab(ctx context.Context, o options, progress io.Writer) (l *lab, err error) {
	l = &lab{options: o, progress: progress, skipped: map[string]string{}}
	if l.dir, err = os.MkdirTemp("", "iris-broadcast-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	os.Chmod(l.dir, 0o755) // nginx's workers may run as another user
	if l.certificate, err = certificate.New(l.dir); err != nil {
		return nil, err
	}
	if slices.Contains(o.servers, "nchan") {
		if _, _, err := findNchan(); err != nil {
			fmt.Fprintln(progress, err)
			l.skipped["nchan"] = err.Error()
		}
	}
	fmt.Fprintln(progress, "building the server …")
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(l.dir, "ours"), ".")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the server in .. (run this as: go -C bench run .): %w\n%s", err, output)
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// run runs all rounds. Within a case, each server has its turn before any has the next one, and each round starts with
// another server, so that disturbances of the machine affect all.
func (l *lab) run(ctx context.Context) *results {
	all := &results{Machine: figures.Machine(), Quick: l.options.quick, Rounds: l.options.rounds, Skipped: l.skipped}
	began := time.Now()
	for round := range l.options.rounds {
		for _, c := range cases {
			if !slices.Contains(l.options.cases, c.name) {
				continue
			}
			servers := l.serversOf(c)
			for i := range servers {
				k := servers[(i+round)%len(servers)]
				fmt.Fprintf(l.progress, "%7s  round %d/%d  %-7s %-9s", time.Since(began).Round(time.Second), round+1,
					l.options.rounds, c.name, k.name)
				t := l.trial(ctx, c, k)
				if ctx.Err() != nil {
					return all
				}
				all.add(t)
				fmt.Fprintln(l.progress, t.line())
			}
		}
	}
	return all
}

func (l *lab) serversOf(c testCase) (servers []kind) {
	for _, k := range kinds {
		_, skipped := l.skipped[k.name]
		if slices.Contains(l.options.servers, k.name) && slices.Contains(c.servers, k.name) && !skipped {
			servers = append(servers, k)
		}
	}
	return servers
}

// trialTimeout limits one case on one server, once.
const trialTimeout = 4 * time.Minute

// trial runs one case on one server, once.
func (l *lab) trial(ctx context.Context, c testCase, k kind) *trial {
	ctx, cancel := context.WithTimeoutCause(ctx, trialTimeout, errors.New("it took too long"))
	defer cancel()
	t := &trial{lab: l, Case: c.name, Server: k.name, kind: k, Values: map[string]float64{}}
	if err := c.run(ctx, t); err != nil {
		t.note("failed: %v", err)
	}
	t.cleanup()
	return t
}
