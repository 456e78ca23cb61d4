// Package config reads the settings: flags, else environment variables, else what is good for most.
package config

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is all there is to set; each field is a flag and an environment variable.
type Config struct {
	Addr, TLSCert, TLSKey             string
	Store                             string
	KeepEvents, MaxTopics, MaxStreams int
	MaxData, MaxPending               int // bytes
	KeepBytes                         int64
	KeepAge, Stall, Heartbeat         time.Duration
	Retry, Drain                      time.Duration
	OpenPublish, Demo, Version        bool
	CORSOrigins                       []string
	LogLevel, LogFormat               string
}

// setting is one of them: how it is called, what it is if nobody says, and how it is read.
type setting struct {
	name, fallback, usage string
	read                  func(string) error
}

const day = 24 * time.Hour

func (s *Config) table() []setting {
	return []setting{
		{"addr", "localhost:8080", "host:port to listen on; :8080 is all networks", address(&s.Addr)},
		{"tls-cert", "", "certificate file (PEM); with -tls-key the server speaks TLS and HTTP/2", text(&s.TLSCert)},
		{"tls-key", "", "private key file (PEM)", text(&s.TLSKey)},
		{"store", "pebble:broadcast-data", "where events are kept: pebble:DIR, or memory", store(&s.Store)},
		{"keep-events", "10000", "newest events kept of a topic", number(&s.KeepEvents, 1, 1e9)},
		{"keep-age", "168h", "how long events are kept", duration(&s.KeepAge, time.Second, 36500*day)},
		{"keep-bytes", "", "events kept in all, the oldest go first; 64MiB in memory, 4GiB on disk", size(&s.KeepBytes, 1<<20, 1<<40)},
		{"max-topics", "100000", "topics there may be", number(&s.MaxTopics, 1, 1e8)},
		{"max-data", "64KiB", "largest data of one event", size(&s.MaxData, 1, 64<<20)},
		{"max-pending", "1MiB", "what may wait behind a client's full socket before it is ended", size(&s.MaxPending, 1<<10, 1<<30)},
		{"stall", "10s", "how long a client may take nothing (by TLS and HTTP/2: for 32 KiB) before it is ended", duration(&s.Stall, 100*time.Millisecond, day)},
		{"max-streams", strconv.Itoa(openFiles() / 2), "streams at once; more are asked to come back", number(&s.MaxStreams, 1, 1e7)},
		{"heartbeat", "15s", "after which silence a stream says something; pages give up at 35s", duration(&s.Heartbeat, 100*time.Millisecond, 30*time.Second)},
		{"retry", "2s", "after which clients come back, on average", duration(&s.Retry, time.Millisecond, time.Hour)},
		{"drain", "5s", "the longest that a stop takes", duration(&s.Drain, 100*time.Millisecond, time.Hour)},
		{"open-publish", "false", "let everybody write, not this machine alone", boolean(&s.OpenPublish)},
		{"cors-origins", "", "other origins whose pages may read and write, with commas between them", origins(&s.CORSOrigins)},
		{"demo", "true", "the demo topics hello, time and ping speak while somebody listens", boolean(&s.Demo)},
		{"log-level", "info", "debug, info, warn or error", oneOf(&s.LogLevel, "debug", "info", "warn", "error")},
		{"log-format", "text", "text or json", oneOf(&s.LogFormat, "text", "json")},
		{"version", "false", "print the version and end", boolean(&s.Version)},
	}
}

// UsageError is a mistake in a flag, an argument or an environment variable; its text says what would be right.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Parse reads the settings from the command line's arguments, else from the environment. For -h it prints them all and
// returns flag.ErrHelp; any other error is a UsageError.
func Parse(args []string, stdout io.Writer) (*Config, error) {
	s, err := parse(args, stdout)
	if err != nil && err != flag.ErrHelp {
		return nil, UsageError{err}
	}
	return s, err
}

func parse(args []string, stdout io.Writer) (*Config, error) {
	s := &Config{}
	flags := flag.NewFlagSet("iris-broadcast", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run's caller prints the error
	for _, set := range s.table() {
		if err := set.define(flags); err != nil {
			return nil, err
		}
	}
	err := flags.Parse(args)
	switch {
	case err == flag.ErrHelp:
		s.usage(stdout)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; -h shows all settings", err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a setting; -h shows them all", flags.Arg(0))
	}
	if s.KeepBytes == 0 {
		s.KeepBytes = 4 << 30
		if s.Dir() == "" {
			s.KeepBytes = 64 << 20
		}
	}
	return s, s.check()
}

// Define adds some of the settings to a command's flags, with what they are if nobody says and what the environment says.
func Define(flags *flag.FlagSet, names ...string) (*Config, error) {
	s := &Config{}
	for _, set := range s.table() {
		if !slices.Contains(names, set.name) {
			continue
		}
		set.usage = fmt.Sprintf("%s (%s), or %s", set.usage, set.fallback, variable(set.name))
		if err := set.define(flags); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// define gives the setting its first value, and makes it a flag.
func (set setting) define(flags *flag.FlagSet) error {
	if err := set.read(set.fallback); set.fallback != "" && err != nil {
		return fmt.Errorf("default of -%s: %w", set.name, err)
	}
	if value, ok := os.LookupEnv(variable(set.name)); ok && set.name != "version" { // a name that images set for their own
		if err := set.read(value); err != nil {
			return fmt.Errorf("%s is %q: want %w", variable(set.name), value, err)
		}
	}
	read := func(value string) error {
		if err := set.read(value); err != nil {
			return fmt.Errorf("want %w", err)
		}
		return nil
	}
	if set.fallback == "true" || set.fallback == "false" {
		flags.BoolFunc(set.name, set.usage, read)
	} else {
		flags.Func(set.name, set.usage, read)
	}
	return nil
}

// Dir is the folder that events are kept in, "" for memory.
func (s *Config) Dir() string {
	if dir, ok := strings.CutPrefix(s.Store, "pebble:"); ok {
		return dir
	}
	return ""
}

// check is what no setting can say alone.
func (s *Config) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return fmt.Errorf("-tls-cert and -tls-key go together: give both, or neither")
	case s.MaxPending < s.MaxData:
		return fmt.Errorf("-max-pending is less than -max-data, so that one event could end a client: want at least %d", s.MaxData)
	case s.KeepBytes < 2*int64(s.MaxData):
		return fmt.Errorf("-keep-bytes is too little for events of -max-data: want at least %d", 2*s.MaxData)
	}
	return nil
}

func variable(name string) string {
	return "BROADCAST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// usage prints every setting, what it is if nobody says, and its variable.
func (s *Config) usage(w io.Writer) {
	fmt.Fprintf(w, "Iris Broadcast: live updates in the browser.\n\nSettings, each a flag or an environment variable (the flag wins):\n\n")
	for _, set := range s.table() {
		value := set.fallback
		if value == "" {
			value = "not set"
		}
		if set.name == "version" {
			fmt.Fprintf(w, "  -%s\n      %s\n", set.name, set.usage)
			continue
		}
		fmt.Fprintf(w, "  -%s, %s\n      %s (%s)\n", set.name, variable(set.name), set.usage, value)
	}
}
