package commands

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"iris-broadcast/internal/pebble"
)

// Backup copies the store.
var Backup = &Command{
	Name: "backup", args: "DIR", summary: "copy the store to a new folder, also while a server runs",
	help: `
The copy is a snapshot: every event up to the id reported at the end, none after it, and the comment board. A
running server keeps serving. The copy is checked before it gets its name; until then it is DIR.partial. It is
a store like any other: restore it, check it, or serve it.`,
	run: func(ctx context.Context, c *call) error {
		from, err := hold(ctx, c.store)
		if err != nil {
			return err
		}
		defer from.done()
		shown := c.progress()
		sum, err := pebble.Backup(from.ctx, c.store, from.folder, c.dir, shown.show)
		shown.end()
		if err != nil {
			return from.failed(err)
		}
		fmt.Fprintf(c.Out, "Backed up %s to %s.\n", describe(sum), c.dir)
		return nil
	},
}

// Restore replaces the store with a backup.
var Restore = &Command{
	Name: "restore", args: "DIR", summary: "replace the store with a backup",
	help: `
Both the backup and the copy made of it are checked before the store is moved aside and replaced. Nothing is
deleted: the command reports where the former store is. The server must be stopped. Clients that have seen
later events than the backup holds get a gap.`,
	run: func(ctx context.Context, c *call) error {
		from, err := hold(ctx, c.dir)
		if err != nil {
			return err
		}
		defer from.done()
		shown := c.progress()
		sum, before, err := pebble.Restore(from.ctx, from.folder, c.store, shown.show)
		shown.end()
		if err != nil {
			return from.failed(err)
		}
		fmt.Fprintf(c.Out, "Restored %s to %s.\n", describe(sum), c.store)
		if before != "" {
			fmt.Fprintf(c.Out, "The former store is %s; delete it once you no longer need it.\n", before)
		}
		return nil
	},
}

// describe is a summary in words.
func describe(s pebble.Summary) string {
	return fmt.Sprintf("%s of %s up to %v (%s)", counted(s.Events, "event"), counted(s.Topics, "topic"), s.Head,
		humanize.IBytes(uint64(s.Bytes)))
}

func counted(n int, what string) string {
	return humanize.Comma(int64(n)) + " " + english.PluralWord(n, what, "")
}
