package commands

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"time"

	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// Export writes events as JSON lines.
var Export = &Command{
	Name: "export", summary: "write events to standard output, a line of JSON for each",
	help: `The lines are as the list shows events: {"id","topic","type","time","data"}, in the log's order and as of one
moment; a server that has the store open goes on. If events after -since are no longer there it writes what there
is, and ends with 1. The comments' rows on the board are not in it, only the events about them; a backup has both.`,
	prepare: func(c *call, flags *flag.FlagSet) {
		flags.Func("topic", "`TOPIC` or pattern such as sensors/*; may be given again (all)", func(value string) error {
			c.topics = append(c.topics, value)
			return nil
		})
		flags.StringVar(&c.since, "since", "all", "what came after an `ID`, or in a time such as 10m; or all")
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
			err = fmt.Errorf("not all that came after %s is there any more: %v; this began at %v",
				c.since, gap.Topics, gap.Oldest)
		}
		return err
	},
}

// query is what of the log is wanted.
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

// exportBytes is about how much of the events is held at a time.
const exportBytes = 1 << 20

// export writes all events that a query takes. It gives the gap that is before them.
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
