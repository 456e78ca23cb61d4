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

// Import reads what Export has written.
var Import = &Command{
	Name: "import", summary: "read events from standard input, as export writes them, into an empty store",
	help: `Ids are kept, and have to rise from line to line; new events get higher ones. It is all or nothing: a line that
cannot be an event ends it, and nothing is changed. The server must have ended, and the store must have no events
yet. What -keep-events and the like bound goes at the server's next start. Clients that come back with a position
of before are told of a gap.`,
	run: func(ctx context.Context, c *call) error {
		lines := &lines{from: bufio.NewReaderSize(c.In, 64<<10), now: time.Now()}
		shown := c.progress()
		lines.tell = shown.show
		sum, err := pebble.Import(ctx, c.store, lines.next, shown.show)
		shown.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "Imported %s to %s.\n", describe(sum), c.store)
		return nil
	},
}

// longest is how long a line may be: the longest data, with each byte escaped.
const longest = 6*64<<20 + 4<<10

// ahead is how far in the future an event's time may be, for clocks that differ.
const ahead = 24 * time.Hour

// lines are events as lines of JSON.
type lines struct {
	from *bufio.Reader
	now  time.Time
	tell pebble.Progress
	n    int   // of the line
	read int64 // bytes
	last stream.ID
}

// next is the next event, or io.EOF. Empty lines are passed.
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
			return e, fmt.Errorf("line %d: %w; nothing is changed", l.n, err)
		}
		l.last = e.ID
		return e, nil
	}
}

// line reads a line.
func (l *lines) line() (line []byte, err error) {
	l.n++
	for {
		part, err := l.from.ReadSlice('\n')
		line = append(line, part...)
		l.read += int64(len(part))
		switch {
		case len(line) > longest:
			return nil, fmt.Errorf("line %d is too long; nothing is changed", l.n)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			l.tell("reading", l.read, 0)
			return line, nil
		}
		return nil, err
	}
}

// fits says whether an event may follow those before.
func (l *lines) fits(e stream.Event) error {
	switch {
	case e.Topic.Internal():
		return fmt.Errorf("%v is a topic of the server's own, which no store keeps", e.Topic)
	case !l.last.Less(e.ID):
		return fmt.Errorf("the id %v is not above %v, that of the line before; sort the lines by id", e.ID, l.last)
	case e.ID.Time().After(l.now.Add(ahead)):
		return fmt.Errorf("the id %v is of %v, which is to come", e.ID, e.ID.Time().Format(time.RFC3339))
	}
	return nil
}

// parseLine reads an event as stream.Event shows it. The time is in the ID too, and may be left out.
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
		return e, fmt.Errorf("the time %q is not that of the id %v", text.Time, e.ID)
	}
	return e, nil
}
