// Package soak puts everything that the server does under load at once and for long, and judges whether what the
// server holds stays flat.
package soak

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"iris-broadcast/bench/internal/certificate"
)

// ErrUsage matches a wrong command line.
var ErrUsage = errors.New("see -h")

// errFailed ends a run in which something grew, was lost, doubled or refused.
var errFailed = errors.New("the soak failed")

// settings is the command line.
type settings struct {
	length             time.Duration
	binary, html, json string
}

// shortest is the shortest run with a judgment: a cycle and a half.
const shortest = 6 * time.Second

const usage = `Usage: load soak [flags]

Starts two servers on loopback, one on disk in clear text and one in memory over TLS, and does everything to both at
once: streams that stay, return, stall and vanish, publishers on old and new topics, the board, the audit log, lists,
exports, pages, more streams than allowed, backups. Samples what the servers hold, and fails if it grows.

`

func parse(args []string, out io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("load soak", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	flags.DurationVar(&s.length, "for", 30*time.Minute, "how long")
	flags.StringVar(&s.binary, "binary", "", "the `program` to run (default: built from the parent module)")
	flags.StringVar(&s.html, "html", "", "write a report to this `file`")
	flags.StringVar(&s.json, "json", "", "write the figures to this `file`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w (%w)", err, ErrUsage)
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected %q (%w)", flags.Arg(0), ErrUsage)
	case s.length < shortest:
		return s, fmt.Errorf("-for %v: want %v or more (%w)", s.length, shortest, ErrUsage)
	}
	return s, nil
}

// Run runs a soak. The error matches flag.ErrHelp, ErrUsage, or says what failed. The servers and their files are
// removed in any case.
func Run(ctx context.Context, args []string, out, progress io.Writer) error {
	s, err := parse(args, progress)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "iris-broadcast-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.binary == "" {
		s.binary = filepath.Join(dir, "iris-broadcast")
		if err := build(ctx, s.binary); err != nil {
			return err
		}
	}
	r, err := s.run(ctx, dir, progress)
	if err != nil {
		return err
	}
	r.table(out)
	if err := s.save(r); err != nil {
		return err
	}
	if !r.Right() {
		return errFailed
	}
	return nil
}

// build builds the server from the parent module.
func build(ctx context.Context, binary string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("run it in this repository, or name the server with -binary: go list: %w", err)
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	command.Dir = filepath.Join(string(root[:max(len(root)-1, 0)]), "..")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return nil
}

// run starts the servers, keeps them busy for the length, and ends them.
func (s settings) run(ctx context.Context, dir string, progress io.Writer) (*Report, error) {
	files, err := certificate.New(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Start: time.Now().Round(time.Second), Seconds: s.length.Seconds()}
	var sites []*site
	defer func() {
		for _, one := range sites {
			one.close()
		}
	}()
	for _, kind := range kinds {
		server, err := start(ctx, s.binary, filepath.Join(dir, kind.name), kind, files)
		if err != nil {
			return nil, err
		}
		one, err := newSite(server, s.cycle())
		if err != nil {
			server.kill()
			return nil, err
		}
		sites = append(sites, one)
		if err := one.connect(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	if err := s.load(ctx, r, sites, progress); err != nil {
		return nil, err
	}
	for _, one := range sites {
		if err := one.finish(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// cycle is how long a site takes for everything that it does in turn.
func (s settings) cycle() time.Duration { return min(30*time.Second, s.length/2) }

// load keeps the sites busy, and samples them each second.
func (s settings) load(ctx context.Context, r *Report, sites []*site, progress io.Writer) error {
	within, stop := context.WithTimeout(ctx, s.length)
	var busy sync.WaitGroup
	defer busy.Wait()
	defer stop()
	for _, one := range sites {
		busy.Go(func() { one.run(within) })
	}
	bar := progressbar.NewOptions(int(s.length.Seconds()), progressbar.OptionSetWriter(progress),
		progressbar.OptionSetWidth(20), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(progress) }))
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-within.Done():
			if ctx.Err() != nil {
				fmt.Fprintln(progress)
				return fmt.Errorf("interrupted after %v: nothing is judged", time.Since(began).Round(time.Second))
			}
			bar.Finish()
			return nil
		case <-tick.C:
		}
		doing := ""
		for _, one := range sites {
			if err := one.server.alive(); err != nil {
				return fmt.Errorf("%s: %w", one.server.kind.name, err)
			}
			sample, err := one.sample(within, time.Since(began))
			if err != nil {
				one.note(within, fmt.Errorf("sample: %w", err))
				continue
			}
			doing += fmt.Sprintf("%s: %.0f streams, %.0f MiB, %.0f goroutines  ", one.server.kind.name,
				sample.Streams, sample.Memory/mib, sample.Goroutines)
		}
		bar.Describe(doing)
		bar.Set(int(time.Since(began).Seconds()))
	}
}

// save writes the files that were asked for.
func (s settings) save(r *Report) error {
	var errs []error
	write := func(name string, content func(io.Writer) error) {
		if name == "" {
			return
		}
		f, err := os.Create(name)
		if err == nil {
			err = errors.Join(content(f), f.Close())
		}
		errs = append(errs, err)
	}
	write(s.html, r.html)
	write(s.json, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	})
	return errors.Join(errs...)
}
