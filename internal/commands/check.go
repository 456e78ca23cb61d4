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
	Name: "check", args: "[DIR]", summary: "read all of the store, or of a backup, and say what is damaged",
	help: `It reads every block of every file, and compares what is known of the topics, their index and the comment board
with what is kept. It changes nothing. Of a store that a server has open it checks one moment; the server goes on.
It ends with 0 if all is well, with 1 if anything is damaged.`,
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
				"`iris-broadcast restore` puts a backup in its place", dir, english.Plural(n, "place", ""))
		}
		fmt.Fprintf(c.Out, "All is well in %s: %s.\n", dir, describe(sum))
		return nil
	},
}

// Compact gives room back.
var Compact = &Command{
	Name: "compact", summary: "write the store anew without what was removed from it",
	help: `The store does that by itself in time; this does it at once, and gives the room back. A server that has the
store open does it, and goes on serving.`,
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
		fmt.Fprintf(c.Out, "The events took %s, and take %s now.\n",
			humanize.IBytes(uint64(before)), humanize.IBytes(uint64(after)))
		return nil
	},
}

// follow shows what a server tells until it is done.
func follow(server *asking, shown *progress) (before, after int64, err error) {
	for {
		n, err := server.next()
		if err != nil || n.End {
			return n.Before, n.After, err
		}
		shown.show(n.What, n.Done, n.Total)
	}
}
