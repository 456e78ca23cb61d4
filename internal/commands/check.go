package commands

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"iris-broadcast/internal/pebble"
)

// Check looks for damage.
var Check = &Command{
	Name: "check", args: "[DIR]", summary: "read all of the store, or of a backup, and report damage",
	help: `
Reads every block of every file, and compares the events with the topics' records and index, and the comments
with their ranking. It changes nothing. If a server has the store open, a snapshot is checked and the server
keeps serving. The exit code is 0 if all is well, 1 if anything is damaged.`,
	run: func(ctx context.Context, c *call) error {
		dir := c.store
		if c.dir != "" {
			dir = c.dir
		}
		of, err := hold(ctx, dir)
		if err != nil {
			return err
		}
		defer of.done()
		shown := c.progress()
		shown.quiet = true
		sum, damaged, err := pebble.Check(of.ctx, of.folder, shown.show)
		shown.end()
		if err != nil {
			return of.failed(err)
		}
		for _, what := range damaged {
			fmt.Fprintln(c.Out, what)
		}
		if n := len(damaged); n > 0 {
			return fmt.Errorf("%s is damaged in %s; a server sets aside what it cannot read, "+
				"`iris-broadcast restore` replaces the store with a backup", dir, english.Plural(n, "place", ""))
		}
		fmt.Fprintf(c.Out, "All is well in %s: %s.\n", dir, describe(sum))
		return nil
	},
}

// Compact frees disk space.
var Compact = &Command{
	Name: "compact", summary: "rewrite the store to free the space of removed events",
	help: `
The store does this by itself over time; this command does it at once. If a server has the store open, the
server does it, and keeps serving.`,
	run: func(ctx context.Context, c *call) error {
		server, err := ask(ctx, c.store, "/compact")
		if err != nil {
			return err
		}
		shown := c.progress()
		var before, after int64
		if server == nil {
			before, after, err = pebble.CompactFolder(ctx, c.store, shown.show)
		} else {
			before, after, err = follow(server, shown)
			server.close()
		}
		shown.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "The events took %s and now take %s.\n",
			humanize.IBytes(uint64(before)), humanize.IBytes(uint64(after)))
		return nil
	},
}

// follow shows a server's progress until it is done.
func follow(server *asking, shown *progress) (before, after int64, err error) {
	for {
		n, err := server.next()
		if err != nil || n.End {
			return n.Before, n.After, err
		}
		shown.show(n.What, n.Done, n.Total)
	}
}
