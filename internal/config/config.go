// Package config reads the settings: from flags, else environment variables, else a settings file, else defaults.
package config

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config holds every setting; each is a flag, an environment variable and a line of the settings file.
type Config struct {
	Addr, TLSCert, TLSKey             string
	Store                             string
	KeepEvents, MaxTopics, MaxStreams int
	MaxData, MaxPending               int // bytes
	KeepBytes                         int64
	KeepAge, Stall, Heartbeat         time.Duration
	Retry, Drain, ShutdownDelay       time.Duration
	OpenPublish, Demo, Version        bool
	CORSOrigins                       []string
	LogLevel, LogFormat               string

	args  []string
	file  string
	given map[string]string // each setting's value, as it was written
}

// setting is one of them.
type setting struct {
	name, fallback, usage string
	read                  func(string) error // parses a value; its error continues "must be"
}

const day = 24 * time.Hour

func (s *Config) table() []setting {
	return []setting{
		{"addr", "localhost:8080", "host:port to listen on, :8080 for all interfaces; or unix:PATH", address(&s.Addr)},
		{"tls-cert", "", "certificate file (PEM); with -tls-key the server speaks TLS and HTTP/2", text(&s.TLSCert)},
		{"tls-key", "", "private key file (PEM)", text(&s.TLSKey)},
		{"store", "pebble:broadcast-data", "where events are kept: pebble:DIR or memory", store(&s.Store)},
		{"keep-events", "10000", "newest events kept per topic", number(&s.KeepEvents, 1, 1e9)},
		{"keep-age", "168h", "how long events are kept", duration(&s.KeepAge, time.Second, 36500*day)},
		{"keep-bytes", "", "total size of the events kept, the oldest go first; 64MiB in memory, 4GiB on disk",
			size(&s.KeepBytes, 1<<20, 1<<40)},
		{"max-topics", "100000", "maximum number of topics", number(&s.MaxTopics, 1, 1e8)},
		{"max-data", "64KiB", "maximum size of an event's data", size(&s.MaxData, 1, 64<<20)},
		{"max-pending", "1MiB", "how much may wait for a client whose socket is full before it is disconnected",
			size(&s.MaxPending, 1<<10, 1<<30)},
		{"stall", "10s", "how long a client may read nothing (TLS, HTTP/2: under 32 KiB) before it is disconnected",
			duration(&s.Stall, 100*time.Millisecond, day)},
		{"max-streams", strconv.Itoa(openFiles() / 2), "maximum number of open streams; others are asked to retry",
			number(&s.MaxStreams, 1, 1e7)},
		{"heartbeat", "15s", "silence after which a stream gets a heartbeat; pages reconnect after 35s of silence",
			duration(&s.Heartbeat, 100*time.Millisecond, 30*time.Second)},
		{"retry", "2s", "average time until clients reconnect", duration(&s.Retry, time.Millisecond, time.Hour)},
		{"drain", "5s", "time over which a shutdown ends the streams",
			duration(&s.Drain, 100*time.Millisecond, time.Hour)},
		{"shutdown-delay", "0s", "time between SIGTERM, when /readyz fails, and the end of the first stream",
			duration(&s.ShutdownDelay, 0, time.Hour)},
		{"open-publish", "false", "let anyone write, not only this machine", boolean(&s.OpenPublish)},
		{"cors-origins", "", "comma-separated origins whose pages may read and write", origins(&s.CORSOrigins)},
		{"demo", "true", "publish to hello, time and ping while anyone is subscribed", boolean(&s.Demo)},
		{"log-level", "info", "debug, info, warn or error", oneOf(&s.LogLevel, "debug", "info", "warn", "error")},
		{"log-format", "text", "text or json", oneOf(&s.LogFormat, "text", "json")},
		{"config", "", "settings file: a line name = value for each setting", text(&s.file)},
		{"version", "false", "print the version and exit", boolean(&s.Version)},
	}
}

// UsageError is a mistake in a flag, an argument, an environment variable or the settings file; its text says what
// would be right.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Parse reads the settings; args are the command line's arguments. For -h it prints all settings and returns
// flag.ErrHelp; any other error is a UsageError.
func Parse(args []string, stdout io.Writer) (*Config, error) {
	s, err := parse(args, stdout)
	if err != nil && err != flag.ErrHelp {
		return nil, UsageError{err}
	}
	return s, err
}

func parse(args []string, stdout io.Writer) (*Config, error) {
	s := &Config{args: args, given: map[string]string{}}
	flags := flag.NewFlagSet("iris-broadcast", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error
	from, err := sources(fileOf(args), s.table())
	if err != nil {
		return nil, err
	}
	for _, set := range s.table() {
		if err := s.noting(set).define(flags, from); err != nil {
			return nil, err
		}
	}
	err = flags.Parse(args)
	switch {
	case err == flag.ErrHelp:
		s.usage(stdout)
		return nil, err
	case err != nil:
		return nil, s.hint(err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q; -h shows all settings and commands", flags.Arg(0))
	}
	if s.KeepBytes == 0 {
		s.KeepBytes = 4 << 30
		if s.Dir() == "" {
			s.KeepBytes = 64 << 20
		}
	}
	return s, s.check()
}

// hint adds to an error of the command line what may have been meant.
func (s *Config) hint(err error) error {
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		meant := nearest(s.table(), name)
		return fmt.Errorf("-%s is not a setting; did you mean -%s? -h shows all settings", name, meant)
	}
	return fmt.Errorf("%w; -h shows all settings", err)
}

// fileOf finds the settings file in arguments that are not parsed yet, or in the environment.
func fileOf(args []string) string {
	first := &Config{file: os.Getenv(variable("config"))}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, set := range first.table() {
		switch {
		case set.name == "config":
			flags.Func(set.name, "", set.read)
		case set.isBool():
			flags.BoolFunc(set.name, "", func(string) error { return nil })
		default:
			flags.Func(set.name, "", func(string) error { return nil })
		}
	}
	flags.Parse(args) // an error is reported when they are parsed in earnest
	return first.file
}

// Define adds the named settings to a command's flags, with their values from the environment, the settings file that
// it or -config in args names, or the defaults.
func Define(flags *flag.FlagSet, args []string, names ...string) (*Config, error) {
	s := &Config{}
	from, err := sources(fileOf(args), s.table())
	if err != nil {
		return nil, err
	}
	for _, set := range s.table() {
		if !slices.Contains(names, set.name) {
			continue
		}
		set.usage = fmt.Sprintf("%s (%s), or %s", set.usage, cmp.Or(set.fallback, "not set"), variable(set.name))
		if err := set.define(flags, from); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// define sets the setting to its default, or to the last source's value, and adds its flag.
func (set setting) define(flags *flag.FlagSet, from []source) error {
	if err := set.read(set.fallback); set.fallback != "" && err != nil {
		return fmt.Errorf("default of -%s: %w", set.name, err)
	}
	for _, source := range from {
		if value, ok := source.values[set.name]; ok {
			if err := set.read(value); err != nil {
				return fmt.Errorf("%s=%q: must be %w", source.where(set.name), value, err)
			}
		}
	}
	read := func(value string) error {
		if err := set.read(value); err != nil {
			return fmt.Errorf("must be %w", err)
		}
		return nil
	}
	if set.isBool() {
		flags.BoolFunc(set.name, set.usage, read)
	} else {
		flags.Func(set.name, set.usage, read)
	}
	return nil
}

func (set setting) isBool() bool { return set.fallback == "true" || set.fallback == "false" }

// Dir is the directory where events are kept, "" for memory.
func (s *Config) Dir() string {
	if dir, ok := strings.CutPrefix(s.Store, "pebble:"); ok {
		return dir
	}
	return ""
}

// check finds settings that contradict each other.
func (s *Config) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return fmt.Errorf("-tls-cert and -tls-key go together: give both, or neither")
	case s.MaxPending < s.MaxData:
		return fmt.Errorf("-max-pending must be at least -max-data (%d), or one event could disconnect a client",
			s.MaxData)
	case s.KeepBytes < 2*int64(s.MaxData):
		return fmt.Errorf("-keep-bytes must be at least twice -max-data (%d)", 2*int64(s.MaxData))
	}
	return nil
}

// usage prints every setting with its variable and default.
func (s *Config) usage(w io.Writer) {
	fmt.Fprint(w, "Iris Broadcast: live updates in the browser.\n\n"+
		"Settings, each a flag, an environment variable or a line of the -config file (the first of these wins):\n\n")
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
