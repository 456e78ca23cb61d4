package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"iris-broadcast/internal/pebble"
	"iris-broadcast/internal/stream"
)

// Import reads what Export wrote.
var Import = &Command{
	Name: "import", summary: "read events from standard input, as export writes them, into an empty store",
	help: `
Ids are kept, and must rise from line to line; new events get higher ones. It is all or nothing: if any line
is not an event, nothing changes. The server must be stopped, and the store must have no events yet.
-keep-events and the like apply from the server's next start on. Clients that return with an older position
get a gap.`,
	run: func(ctx context.Context, c *call) error {
		lines := &lines{from: bufio.NewReaderSize(c.In, 64<<10), now: time.Now()}
		shown := c.progress()
		lines.progress = shown.show
		sum, err := pebble.Import(ctx, c.store, lines.next, shown.show)
		shown.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Imported %s to %s.\n", describe(sum), c.store)
		return nil
	},
}

// longest is the longest line, in bytes: the longest data, with each byte escaped.
const longest = 6*64<<20 + 4<<10

// ahead is how far in the future an event's time may be, since clocks differ.
const ahead = 24 * time.Hour

// lines reads events from lines of JSON.
type lines struct {
	from     *bufio.Reader
	now      time.Time
	progress pebble.Progress
	n        int   // the line's number
	read     int64 // bytes
	last     stream.ID
}

// next returns the next event, or io.EOF. It skips empty lines.
func (l *lines) next() (e stream.Event, err error) {
	for {
		line, err := l.line()
		if err != nil {
			return e, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if e, err = parseLine(line); err == nil {
			err = l.fits(e)
		}
		if err != nil {
			return e, fmt.Errorf("line %d: %w; nothing has changed", l.n, err)
		}
		l.last = e.ID
		return e, nil
	}
}

func (l *lines) line() (line []byte, err error) {
	l.n++
	for {
		part, err := l.from.ReadSlice('\n')
		line = append(line, part...)
		l.read += int64(len(part))
		switch {
		case len(line) > longest:
			return nil, fmt.Errorf("line %d is too long; nothing has changed", l.n)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			l.progress("reading", l.read, 0)
			return line, nil
		}
		return nil, err
	}
}

// fits checks that an event may follow the ones before.
func (l *lines) fits(e stream.Event) error {
	switch {
	case e.Topic.Internal():
		return fmt.Errorf("%v is one of the server's own topics, which no store keeps", e.Topic)
	case !l.last.Less(e.ID):
		return fmt.Errorf("the id %v is not above %v, the previous one; sort the lines by id", e.ID, l.last)
	case e.ID.Time().After(l.now.Add(ahead)):
		return fmt.Errorf("the id %v is of %v, in the future", e.ID, e.ID.Time().Format(time.RFC3339))
	}
	return nil
}

// parseLine parses an event as stream.Event encodes it. The time may be left out: the ID has it.
func parseLine(line []byte) (e stream.Event, err error) {
	var text struct {
		ID, Topic, Type, Time string
		Data                  *string
	}
	if !utf8.Valid(line) {
		return e, errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&text); err != nil {
		return e, fmt.Errorf(`it is not {"id","topic","type","time","data"} as JSON (%w)`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || text.Data == nil {
		return e, errors.New(`it is not one {"id","topic","type","time","data"} as JSON`)
	}
	e.Data = *text.Data
	var errs [4]error
	e.ID, errs[0] = stream.ParseID(text.ID)
	e.Topic, errs[1] = stream.ParseTopic(text.Topic)
	e.Type, errs[2] = stream.ParseType(text.Type)
	_, errs[3] = stream.ParseData([]byte(e.Data))
	for _, err := range errs {
		if err != nil {
			return e, errors.New(stream.AsError(err).Detail)
		}
	}
	at, err := time.Parse(time.RFC3339, text.Time)
	if text.Time != "" && (err != nil || !at.Equal(e.ID.Time())) {
		return e, fmt.Errorf("the time %q does not match the id %v", text.Time, e.ID)
	}
	return e, nil
}
