// Package commands is what the program does beside serving: backup, restore, check, compact, export, import and topics.
//
// A store that a server has open is read by way of its moments: the server, asked through a socket in the store's
// folder, makes one, and the command reads it with its own rights and in its own time. Only compact is done by the
// server.
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

// Command is one of them.
type Command struct {
	Name    string
	args    string // as the usage shows them: "DIR", "[DIR]" or ""
	summary string // a line of the program's help
	help    string // some more
	prepare func(*call, *flag.FlagSet)
	run     func(context.Context, *call) error
}

// Streams are where a command reads from and writes to.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// call is a command as it was called.
type call struct {
	Streams
	config *config.Config
	store  string // its folder
	dir    string // the argument, "" if none was given
	topics []string
	since  string
	json   bool
}

// Run runs the command, and gives the exit code: 0, 1 for what went wrong, 2 for usage.
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
		fmt.Fprintf(streams.Err, "iris-broadcast %s: %v; `iris-broadcast %s -h` says more\n", c.Name, err, c.Name)
		return 2
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = errors.New("stopped before it was done; nothing is changed")
	}
	fmt.Fprintf(streams.Err, "iris-broadcast %s: %s\n", c.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}

// parse reads the arguments; settings may be before and behind the folder.
func (c *Command) parse(args []string, streams Streams) (*call, error) {
	to := &call{Streams: streams}
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Run prints the error
	var err error
	if to.config, err = config.Define(flags, "store"); err != nil {
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
		return nil, wrong("%q is one argument too many", rest[0])
	case len(rest) > 1:
		return nil, wrong("%q is one argument too many; name one folder", rest[1])
	case c.args == "DIR" && len(rest) == 0:
		return nil, wrong("it needs the name of a folder: iris-broadcast %s DIR", c.Name)
	case len(rest) == 1 && rest[0] == "":
		return nil, wrong("the name of the folder is empty")
	case len(rest) == 1:
		to.dir = rest[0]
	}
	if to.store = to.config.Dir(); to.store == "" && (to.dir == "" || c.args == "DIR") {
		return nil, fmt.Errorf("there is nothing on disk with -store %s; name a store with -store pebble:DIR",
			to.config.Store)
	}
	return to, nil
}

// wrong is a usage error.
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

// Help tells of the commands, a line for each.
func Help(w io.Writer, all []*Command) {
	fmt.Fprint(w, "\nBeside serving (each with -store, and -h for more):\n\n")
	for _, c := range all {
		fmt.Fprintf(w, "  %-12s %s\n", strings.TrimSpace(c.Name+" "+c.args), c.summary)
	}
}
