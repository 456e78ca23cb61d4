package commands

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// Export writes events as JSON lines.
var Export = &Command{
	Name: "export", summary: "write events to standard output, one line of JSON each",
	help: `
A line is an event: {"id","topic","type","time","data"}. The lines are in log order,
of one snapshot; a running server keeps serving. If events after -since are missing, it writes the rest and
exits with 1. Of the comment board it has only the events; a backup has the board itself too.`,
	prepare: func(c *call, flags *flag.FlagSet) {
		flags.Func("topic", "`TOPIC` or pattern such as sensors/*; may be repeated (default all)",
			func(value string) error {
				c.topics = append(c.topics, value)
				return nil
			})
		flags.StringVar(&c.since, "since", "all", "events after an `ID`, or of a period such as 10m, or all")
	},
	run: func(ctx context.Context, c *call) error {
		query, err := c.query()
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(c.Out, 64<<10)
		var gap *stream.Gap
		err = read(ctx, c.store, func(ctx context.Context, store *pebble.Folder) (err error) {
			gap, err = export(ctx, store, query, out)
			return err
		})
		err = errors.Join(err, out.Flush())
		if err == nil && gap != nil {
			where := "any topic"
			if len(gap.Topics) > 0 {
				where = strings.Join(gap.Topics, ", ")
			}
			err = fmt.Errorf("some events after %s are missing, on %s; the export begins at %v",
				c.since, where, gap.Oldest)
		}
		return err
	},
}

// query selects the requested part of the log.
func (c *call) query() (q stream.Query, err error) {
	if len(c.topics) > 0 {
		if q.Topics, err = stream.ParseSelection(c.topics); err != nil {
			return q, wrong("%s", stream.AsError(err).Detail)
		}
	}
	start, err := stream.ParseStart("", url.Values{"since": {c.since}}, time.Now())
	if err != nil {
		return q, wrong("-%s", stream.AsError(err).Detail)
	}
	return start.List(q.Topics, stream.MaxPage), nil
}

// exportBytes is roughly how many bytes of events are in memory at a time.
const exportBytes = 1 << 20

// export writes all events that a query selects, and returns the gap before them, if any.
func export(ctx context.Context, store *pebble.Folder, q stream.Query, to io.Writer) (gap *stream.Gap, err error) {
	q.Bytes = exportBytes
	for {
		page, err := store.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		if page.Gap != nil && gap == nil {
			gap = page.Gap
		}
		for _, e := range page.Events {
			line, err := stream.EncodeJSON(e)
			if err != nil {
				return nil, err
			}
			if _, err := to.Write(append(line, '\n')); err != nil {
				return nil, err
			}
		}
		if !page.More {
			return gap, nil
		}
		q.After, q.Told, q.Newest, q.Anywhere = page.Reached, page.Mark, 0, false
	}
}
