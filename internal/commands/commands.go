// Package commands has the subcommands: backup, restore, check, compact, export, import, topics and health.
//
// A store that a server has open is read through snapshots: asked through a socket in the store's folder, the server
// makes one, and the command reads it with its own permissions and at its own pace. Only compact is the server's own
// work.
package commands

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"iris-broadcast/internal/config"
)

// Command is a subcommand.
type Command struct {
	Name     string
	args     string   // as shown in the usage: "DIR", "[DIR]" or ""
	summary  string   // one line, for the program's help
	help     string   // the rest, for its own
	settings []string // the server's that it has; nil for store alone
	prepare  func(*call, *flag.FlagSet)
	run      func(context.Context, *call) error
}

// Streams are a command's standard input, output and error.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// call is one invocation of a command.
type call struct {
	Streams
	config *config.Config
	store  string // its folder
	dir    string // the argument, "" if none was given
	topics []string
	since  string
	json   bool
}

// Run runs the command and returns the exit code: 0 for success, 1 for failure, 2 for wrong usage.
func (c *Command) Run(ctx context.Context, args []string, streams Streams) int {
	call, err := c.parse(args, streams)
	if err == nil {
		err = c.run(ctx, call)
	}
	_, usage := errors.AsType[config.UsageError](err)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case usage:
		fmt.Fprintf(streams.Err, "iris-broadcast %s: %v; see `iris-broadcast %s -h`\n", c.Name, err, c.Name)
		return 2
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = errors.New("interrupted; nothing has changed")
	}
	fmt.Fprintf(streams.Err, "iris-broadcast %s: %s\n", c.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}

// parse reads the arguments. Settings may come before or after the folder.
func (c *Command) parse(args []string, streams Streams) (*call, error) {
	to := &call{Streams: streams}
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Run prints the error
	settings := c.settings
	if settings == nil {
		settings = []string{"store"}
	}
	var err error
	if to.config, err = config.Define(flags, args, settings...); err != nil {
		return nil, wrong("%w", err)
	}
	if c.prepare != nil {
		c.prepare(to, flags)
	}
	var rest []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			c.usage(streams.Out, flags)
			return nil, err
		}
		if err != nil {
			return nil, wrong("%w", err)
		}
		if flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
	switch {
	case c.args == "" && len(rest) > 0:
		return nil, wrong("unexpected argument %q", rest[0])
	case len(rest) > 1:
		return nil, wrong("unexpected argument %q; name one folder", rest[1])
	case c.args == "DIR" && len(rest) == 0:
		return nil, wrong("the name of a folder is missing: iris-broadcast %s DIR", c.Name)
	case len(rest) == 1 && rest[0] == "":
		return nil, wrong("the folder's name is empty")
	case len(rest) == 1:
		to.dir = rest[0]
	}
	to.store = to.config.Dir()
	if c.settings == nil && to.store == "" && (to.dir == "" || c.args == "DIR") {
		return nil, fmt.Errorf("-store %s keeps nothing on disk; name a store with -store pebble:DIR",
			to.config.Store)
	}
	return to, nil
}

// wrong returns a usage error.
func wrong(format string, args ...any) error {
	return config.UsageError{Err: fmt.Errorf(format, args...)}
}

func (c *Command) usage(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "%s: %s.\n\n%s\n\n", c.line(), c.summary, strings.TrimSpace(c.help))
	flags.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		if kind == "" || kind == "value" {
			fmt.Fprintf(w, "  -%s\n      %s\n", f.Name, usage)
			return
		}
		fmt.Fprintf(w, "  -%s %s\n      %s\n", f.Name, kind, usage)
	})
}

func (c *Command) line() string { return strings.TrimSpace("iris-broadcast " + c.Name + " " + c.args) }

// Help lists the commands, one line each.
func Help(w io.Writer, all []*Command) {
	fmt.Fprint(w, "\nCommands (-h after one shows its settings):\n\n")
	for _, c := range all {
		fmt.Fprintf(w, "  %-12s %s\n", strings.TrimSpace(c.Name+" "+c.args), c.summary)
	}
}
