package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/figures"
)

// lab runs trials: each case, in each round, on each build.
type lab struct {
	options  options
	progress io.Writer
	dir      string         // temporary
	filled   map[string]int // how many events the case start has stored, by build
}

func newLab(ctx context.Context, o options, progress io.Writer) (l *lab, err error) {
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	l = &lab{options: o, progress: progress, filled: map[string]int{}}
	if l.dir, err = os.MkdirTemp("", "iris-broadcast-store-"); err != nil {
		return nil, err
	}
	if o.builds[0].binary != "" {
		return l, nil
	}
	fmt.Fprintln(progress, "building the server …")
	o.builds[0].binary = filepath.Join(l.dir, "server")
	command := exec.CommandContext(ctx, "go", "build", "-o", o.builds[0].binary, ".")
	command.Dir = ".."
	if output, err := command.CombinedOutput(); err != nil {
		l.close()
		return nil, fmt.Errorf("build the server in .. (run this as: go -C bench run ./store): %w\n%s", err, output)
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// run runs all rounds. Within a case the builds take turns, and each round starts with the other one, so that
// disturbances of the machine affect both.
func (l *lab) run(ctx context.Context) *results {
	all := &results{options: l.options}
	began := time.Now()
	for round := range l.options.rounds {
		for _, c := range cases {
			if !slices.Contains(l.options.cases, c.name) {
				continue
			}
			for i := range l.options.builds {
				b := l.options.builds[(i+round)%len(l.options.builds)]
				fmt.Fprintf(l.progress, "%7s  round %d/%d  %-15s %s ",
					time.Since(began).Round(time.Second), round+1, l.options.rounds, c.name, b.name)
				t := l.trial(ctx, c, b, round)
				if ctx.Err() != nil {
					return all
				}
				all.trials = append(all.trials, t)
				fmt.Fprintln(l.progress, t.line())
			}
		}
	}
	return all
}

// trial is one run of a case on one build, and its results.
type trial struct {
	testCase string
	build    build
	round    int
	values   map[string]float64 // by metric
	notes    []string

	lab     *lab
	running []func() // ends servers and clients
}

// trialTimeout limits one case on one build, once.
const trialTimeout = 8 * time.Minute

func (l *lab) trial(ctx context.Context, c testCase, b build, round int) *trial {
	ctx, cancel := context.WithTimeoutCause(ctx, trialTimeout, errors.New("it took too long"))
	defer cancel()
	t := &trial{testCase: c.name, build: b, round: round, values: map[string]float64{}, lab: l}
	if err := c.run(ctx, t); err != nil {
		t.note("failed: %v", err)
	}
	for _, end := range slices.Backward(t.running) {
		end()
	}
	return t
}

func (t *trial) set(metric string, value float64) { t.values[metric] = value }

func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " "))
}

// line is what the progress shows of a trial.
func (t *trial) line() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		fmt.Fprintf(&b, "  %s=%s", name, figures.Significant(t.values[name]))
	}
	for _, note := range t.notes {
		fmt.Fprintf(&b, "  [%s]", note)
	}
	return b.String()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
