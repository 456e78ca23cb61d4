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
	Name: "backup", args: "DIR", summary: "copy the store, of a running server too, to a new folder",
	help: `The copy is of one moment: every event up to the id that is named at the end, and none after it, and the comment
board with them. A server that has the store open goes on meanwhile. The copy is checked before it has its name;
until then it is DIR.partial. It is a store like any other: restore it, check it, or serve it.`,
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
		fmt.Fprintf(c.Out, "Kept %s in %s.\n", describe(sum), c.dir)
		return nil
	},
}

// Restore puts a backup in the store's place.
var Restore = &Command{
	Name: "restore", args: "DIR", summary: "put a backup in the place of the store",
	help: `The backup is checked, copied, and the copy is checked, before the store is moved aside and the copy takes its
place. Nothing is removed: at the end it says where the former store is. The server must have ended.
Clients that have seen later events than the backup has are told of a gap.`,
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
			fmt.Fprintf(c.Out, "The store as it was before is %s; remove it when nobody needs it any more.\n", before)
		}
		return nil
	},
}

// describe says what a store holds.
func describe(s pebble.Summary) string {
	return fmt.Sprintf("%s of %s up to %v (%s)", counted(s.Events, "event"), counted(s.Topics, "topic"), s.Head,
		humanize.IBytes(uint64(s.Bytes)))
}

func counted(n int, what string) string {
	return humanize.Comma(int64(n)) + " " + english.PluralWord(n, what, "")
}
