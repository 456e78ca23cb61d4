package commands

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// Topics lists the topics.
var Topics = &Command{
	Name: "topics", summary: "list the topics in the store",
	help: `
By name, with the number of events, their bytes as -keep-bytes counts them, and the time of the newest. With
-json, one line of {"topic","events","bytes","newest"} each, where newest is an id.`,
	prepare: func(c *call, flags *flag.FlagSet) {
		flags.BoolVar(&c.json, "json", false, "print lines of JSON instead of a table")
	},
	run: func(ctx context.Context, c *call) error {
		out := bufio.NewWriter(c.Out)
		list := table
		if c.json {
			list = jsonLines
		}
		return read(ctx, c.store, func(_ context.Context, store *pebble.Folder) error {
			return errors.Join(list(out, store), out.Flush())
		})
	},
}

func table(out *bufio.Writer, store *pebble.Folder) error {
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(columns, "TOPIC\tEVENTS\tBYTES\tNEWEST\n")
	for a := range store.Topics() {
		fmt.Fprintf(columns, "%v\t%s\t%s\t%s\n", a.Topic, humanize.Comma(int64(a.Count)),
			humanize.IBytes(uint64(a.Bytes)),
			a.Newest.Time().Format(time.RFC3339))
	}
	return columns.Flush()
}

func jsonLines(out *bufio.Writer, store *pebble.Folder) error {
	for a := range store.Topics() {
		line, err := stream.EncodeJSON(struct {
			Topic  stream.Topic `json:"topic"`
			Events int          `json:"events"`
			Bytes  int64        `json:"bytes"`
			Newest stream.ID    `json:"newest"`
		}{a.Topic, a.Count, a.Bytes, a.Newest})
		if err != nil {
			return err
		}
		_, _ = out.Write(append(line, '\n')) // Flush returns the error
	}
	return nil
}
